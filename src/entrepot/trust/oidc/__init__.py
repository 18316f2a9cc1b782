"""Is this job who it says? Identity tokens of CI systems: their form, their signature, and what their claims must be.

Pure: keys and the time are given. Nothing of a token is believed before its signature is verified with a key of the
issuer that it names, by an algorithm that the issuer is registered with.
"""
