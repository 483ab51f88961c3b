"""Models learnt from plots: candidates, their honest scores, cards and gates.

Arrays in, arrays out. Reading tables, keeping models and drawing is for ``store``.
"""
