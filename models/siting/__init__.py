"""Which land first: planning problems, their solvers and what is certain about them.

Arrays in, arrays out; areas in ha, lengths in m, money in CNY. Opens no files.
"""
