"""Verifies many signatures of one model with the library that ``model_signing`` is made of, in one process.

It runs in that program's environment. Arguments: the model's folder, the public key, the signatures' files.
A line for each: ``good``, or why not.
"""

import sys
from pathlib import Path

from model_signing import verifying

model, key, *signatures = map(Path, sys.argv[1:])
for signature in signatures:
    try:
        verifying.Config().use_elliptic_key_verifier(public_key=key).verify(model, signature)
    except Exception as error:  # noqa: BLE001 (whatever it raises is a refusal)
        print(type(error).__name__, str(error).replace("\n", " ")[:200])  # noqa: T201 (read by the test)
    else:
        print("good")  # noqa: T201
