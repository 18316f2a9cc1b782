"""Is this signature true? Evidence in every form that people sign in, read and verified; and our own, made.

Pure: bytes, keys and the time come in, values go out. Nothing here opens a file, a socket or the catalog, and nothing
asks anybody on the network.

- `entrepot.trust.evidence` is what was found, what it is about, and what came out: start there.
- `entrepot.trust.signers` is whom a caller trusts.
- `entrepot.trust.verify` has the two functions: `read` believes nothing, `verify` fails closed.
- `entrepot.trust.signing` makes statements and bundles in our own name.
- `entrepot.trust.oidc` is another matter: the identity tokens of CI jobs, which are traded for tokens of the registry.
"""
