"""A way back: all that the product keeps in one file, taken while it runs (``take``), and put back (``restore``).

``archive`` is the file, ``contents`` what belongs in it and in which order, ``databases`` and ``files`` how those are
read and written.
"""
