"""A log that nobody can rewrite: a Merkle tree over the journal, its checkpoints, proofs and witnesses.

RFC 6962 says how the tree is hashed; C2SP (``c2sp.org/tlog-tiles``, ``tlog-checkpoint``, ``signed-note``,
``tlog-proof``, ``tlog-witness``, ``tlog-cosignature``) says how it is written down.
Nothing here reads or stores anything: who has the hashes passes them in.
"""
