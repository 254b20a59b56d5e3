"""The product for agents: an MCP server over the HTTP API, with the rights of the token that it is given and no other.

It imports nothing of the product: what it can do, any program with the same token can.
"""
