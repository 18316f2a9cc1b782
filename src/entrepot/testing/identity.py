"""An issuer of identity tokens: real keys, real signatures, and the documents by which it is found."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from entrepot.model.federation import (
    Algorithm,
    ClaimRule,
    Issuer,
    IssuerName,
    Provider,
    Publisher,
    PublisherName,
)
from entrepot.model.names import NamespaceName, PackagePattern
from entrepot.operations.issuers import add_issuer
from entrepot.operations.publishers import add_publisher
from entrepot.testing.builders import ADMINISTRATOR, HOST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from entrepot.testing.builders import World

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def private_key(algorithm: Algorithm) -> PrivateKey:
    """A new key that signs by *algorithm*."""
    match algorithm:
        case Algorithm.EDDSA:
            return ed25519.Ed25519PrivateKey.generate()
        case Algorithm.ES256:
            return ec.generate_private_key(ec.SECP256R1())
        case Algorithm.ES384:
            return ec.generate_private_key(ec.SECP384R1())
        case Algorithm.ES512:
            return ec.generate_private_key(ec.SECP521R1())
        case _:
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Signer:
    """Makes tokens as an issuer does."""

    def __init__(self, url: str, algorithm: Algorithm = Algorithm.ES256, *, key_id: str = "k1") -> None:
        """Sign as the issuer at *url*, with a new key called *key_id*."""
        self.url = url
        self.algorithm = algorithm
        self.key_id = key_id
        self.key = private_key(algorithm)

    @property
    def jwk(self) -> dict[str, Any]:
        """Its public key."""
        public = self.key.public_key()
        match public:
            case rsa.RSAPublicKey():
                found = RSAAlgorithm.to_jwk(public, as_dict=True)
            case ec.EllipticCurvePublicKey():
                found = ECAlgorithm.to_jwk(public, as_dict=True)
            case _:
                found = OKPAlgorithm.to_jwk(public, as_dict=True)
        return {**found, "kid": self.key_id, "use": "sig", "alg": str(self.algorithm)}

    @property
    def jwks(self) -> str:
        """Its key set."""
        return json.dumps({"keys": [self.jwk]})

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A token with just these claims."""
        return jwt.encode(dict(claims), self.key, algorithm=str(self.algorithm), headers={"kid": self.key_id, **header})

    def sign_bytes(self, header: bytes, payload: bytes) -> str:
        """A token of a header and a payload that no library would write, with a signature that is good."""
        signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload))
        signature = jwt.get_algorithm_by_name(self.algorithm).sign(signed, self.key)
        return f"{signed.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def claims(self, now: datetime, audience: str, **more: Any) -> dict[str, Any]:
        """What every token says, and *more*."""
        seconds = int(now.timestamp())
        return {
            "iss": self.url,
            "sub": "job",
            "aud": audience,
            "iat": seconds,
            "nbf": seconds,
            "exp": seconds + 300,
            "jti": str(uuid4()),
            **more,
        }


def github_claims(repository: str = "acme/app", workflow: str = "release.yml", **more: Any) -> dict[str, Any]:
    """What GitHub's tokens say of a job, beside what every token says."""
    ref = more.get("ref", "refs/heads/main")
    return {
        "sub": f"repo:{repository}:ref:{ref}",
        "repository": repository,
        "repository_id": "4711",
        "repository_owner": repository.partition("/")[0],
        "repository_owner_id": "42",
        "job_workflow_ref": f"{repository}/.github/workflows/{workflow}@{ref}",
        "workflow_ref": f"{repository}/.github/workflows/{workflow}@{ref}",
        "event_name": "push",
        "ref": ref,
        "ref_type": "branch",
        "ref_protected": "true",
        "runner_environment": "self-hosted",
        "run_id": "1",
        "sha": "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        **more,
    }


def gitlab_claims(project: str = "acme/app", file: str = ".gitlab-ci.yml", **more: Any) -> dict[str, Any]:
    """What GitLab's tokens say of a job, beside what every token says."""
    ref = more.get("ref", "main")
    return {
        "sub": f"project_path:{project}:ref_type:branch:ref:{ref}",
        "project_path": project,
        "project_id": "17",
        "namespace_path": project.rpartition("/")[0],
        "namespace_id": "8",
        "ci_config_ref_uri": f"gitlab.example.com/{project}//{file}@refs/heads/{ref}",
        "ref": ref,
        "ref_type": "branch",
        "ref_protected": "true",
        "pipeline_source": "push",
        "pipeline_id": "99",
        **more,
    }


async def trust(world: World, signer: Signer, *packages: str, audiences: tuple[str, ...] = (HOST,)) -> None:
    """Register the issuer with its keys, and believe the workflow ``release.yml`` of ``acme/app`` in ``acme``."""
    name = IssuerName("ci")
    issuer = Issuer(name, Provider.GITHUB, signer.url, audiences, (signer.algorithm,), keys=signer.jwks)
    await add_issuer(world.registry, ADMINISTRATOR, issuer)
    rules = (ClaimRule("repository", "acme/app"), ClaimRule("workflow_file", "release.yml"))
    patterns = tuple(map(PackagePattern, packages or ("*",)))
    publisher = Publisher(NamespaceName("acme"), PublisherName("release"), name, rules, patterns)
    await add_publisher(world.registry, ADMINISTRATOR, publisher)


class IssuerServer:
    """An issuer that answers: its discovery document, its keys, and tokens as a CI's runners ask for them."""

    def __init__(self, signer: Signer) -> None:
        """Publish the keys of *signer*."""
        self.signer = signer
        self.keys = signer.jwks
        self.asked: list[str] = []
        """The paths that were asked for, in order."""
        self.make_token: Any = None
        """What ``/token?audience=…`` answers: a function of the audience."""

    def answer(self, target: str) -> tuple[int, object]:
        """What is there."""
        parts = urlsplit(target)
        self.asked.append(parts.path)
        match parts.path:
            case "/.well-known/openid-configuration":
                return 200, {"issuer": self.signer.url, "jwks_uri": f"{self.signer.url}/keys"}
            case "/keys":
                return 200, json.loads(self.keys)
            case "/token" if self.make_token is not None:
                return 200, {"value": self.make_token(parse_qs(parts.query)["audience"][0])}
        return 404, {}


@contextmanager
def serve_issuer(algorithm: Algorithm = Algorithm.ES256) -> Iterator[IssuerServer]:
    """Run an issuer on loopback."""
    served: list[IssuerServer] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, document = served[0].answer(self.path)
            content = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.append(IssuerServer(Signer(f"http://127.0.0.1:{server.server_address[1]}", algorithm)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield served[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
