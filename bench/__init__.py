"""Side-by-side measurements: Entrepot and its peers do the same work in the same run.

Every work is done in rounds, one subject after the other in each (A B C A B C …), so that whatever else
the machine is doing falls on all of them; what is reported is the median of the rounds.
A benchmark is not a test: it says how fast, never whether it is right.
"""
