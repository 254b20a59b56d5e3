"""Texts for people and logs, without the passwords in them."""

import re


def masked(text: str) -> str:
    """The text without passwords: what stands before the @ of an address, and what follows its question mark."""
    text = re.sub(r"//[^/\s'\"]+@|(?<![^\s='\"])[^/\s:'\"]+:[^/\s'\"]+@",
                  lambda found: "//***@" if found.group().startswith("//") else "***@", text)
    return re.sub(r"(://[^\s?]+\?)[^\s'\"]+", r"\1***", text)
