"""Everything that can be refused, as one protocol-free tree.

An error carries facts, never prose for a protocol: its docstring is its default message, and a wire protocol
renders it through its own table (`entrepot.wire.errors`).
Misuse by our own code is `AssertionError` or `RuntimeError`, outside this tree, so that nobody maps a bug to 400.
"""

from __future__ import annotations

from entrepot.model.redaction import redact


class RegistryError(Exception):
    """The registry refused."""

    def __init__(self, subject: object = None, *, expected: object = None, actual: object = None) -> None:
        super().__init__(subject)
        self.subject = subject
        self.expected = expected
        self.actual = actual

    @property
    def summary(self) -> str:
        """The sentence that the class stands for."""
        return (type(self).__doc__ or "").partition("\n")[0]

    def __str__(self) -> str:
        message = self.summary
        if self.subject is not None:
            message = f"{message.rstrip('.')}: {self.subject}"
        if self.expected is not None:
            message += f" (expected {self.expected}" + (f", got {self.actual})" if self.actual is not None else ")")
        # Somebody may have pasted a token where a name belongs.
        return redact(message)


# --- what can never succeed as sent -----------------------------------------------------------------------------


class Invalid(RegistryError):
    """The request cannot succeed as it was sent."""


class InvalidName(Invalid):
    """The name is not well formed."""


class InvalidReference(Invalid):
    """The tag or version is not well formed."""


class InvalidDigest(Invalid):
    """The digest is not well formed, or its algorithm is not supported."""


class DigestMismatch(InvalidDigest):
    """The content does not have the digest that was given."""


class SizeMismatch(Invalid):
    """The content does not have the size that was given."""


class InvalidManifest(Invalid):
    """The manifest is not valid."""


class InvalidMetadata(Invalid):
    """The metadata is not valid."""


class InvalidInventory(Invalid):
    """The SBOM is not valid."""


class InvalidArchive(Invalid):
    """The archive is not valid."""


class InvalidEvidence(Invalid):
    """The signature or attestation is not valid."""


class InvalidKey(Invalid):
    """The key or certificate is not valid, or too weak."""


class InvalidProof(Invalid):
    """The proof, or what it is made of, is not valid: nothing is shown by it."""


class InvalidBackup(Invalid):
    """A backup is not what its manifest says, or nobody signed it."""


class InvalidBundle(Invalid):
    """A bundle is not what its index says, or nobody who is believed has sealed it."""


class LogInconsistent(InvalidProof):
    """The proof does not lead from the tree that was seen to this one."""


class InvalidPolicy(Invalid):
    """The policy is not valid."""


class InvalidRetention(Invalid):
    """The rules cannot say what stays."""


class InvalidRange(Invalid):
    """The range does not fit the content."""


class InvalidContentRange(InvalidRange):
    """The chunk does not start where the upload stands."""


class TooLarge(Invalid):
    """The content is larger than allowed."""


class TooMany(Invalid):
    """The request names more things than allowed."""


# --- who asks ---------------------------------------------------------------------------------------------------


class Unauthenticated(RegistryError):
    """Credentials are needed, or those that were sent are not valid."""


class InsufficientScope(Unauthenticated):
    """The access token does not cover this request; ask for one that does."""


class IdentityTokenInvalid(Unauthenticated):
    """The identity token is not one that this registry accepts."""

    def __init__(
        self, subject: object = None, *, reason: str = "invalid-token", expected: object = None, actual: object = None
    ) -> None:
        super().__init__(subject, expected=expected, actual=actual)
        self.reason = reason
        """A code for what is wrong with it."""


class Denied(RegistryError):
    """You are known, and may not do this."""


class NoTrustedPublisher(Denied):
    """No trusted publisher matches the identity token."""


class SeveralPublishers(Denied):
    """Several trusted publishers match the identity token; name the namespace, or the publisher."""


class PolicyDenied(Denied):
    """A policy refuses this."""


class Quarantined(Denied):
    """The content is quarantined."""


class ErasedForGood(Denied):
    """These bytes were erased here, and may not come again."""


class ReadOnly(Denied):
    """This view is read-only."""


class LogUnsigned(Denied):
    """No known key of the log has signed this checkpoint."""


class Protected(Denied):
    """The content is in use and cannot be removed."""


# --- what is not there, or not for the caller to know -----------------------------------------------------------


class NotFound(RegistryError):
    """There is no such thing, or it is not for you to know."""


class NamespaceUnknown(NotFound):
    """There is no such namespace, or it is not for you to know."""


class ChannelUnknown(NotFound):
    """The namespace has no such channel."""


class PackageUnknown(NotFound):
    """There is no such package, or it is not for you to know."""


class ReferenceUnknown(NotFound):
    """The package has no such tag or version."""


class ArtifactUnknown(ReferenceUnknown):
    """The package has no such artifact."""


class FileUnknown(NotFound):
    """The version has no such file."""


class BlobUnknown(NotFound):
    """The package has no such blob."""


class BlobQuarantined(BlobUnknown):
    """The bytes of the blob are damaged here and not served, until they are repaired or somebody pushes them again."""


class LinkUnknown(BlobUnknown):
    """The manifest links content that the package does not have."""


class Erased(NotFound):
    """This was erased here, and does not come back."""


class BlobErased(Erased):
    """The blob was erased here, and does not come back."""


class ErasureUnknown(NotFound):
    """Nothing of that digest was erased, or it is not for you to know."""


class UpstreamUnknown(NotFound):
    """The namespace reads through to no such upstream."""


class UploadUnknown(NotFound):
    """There is no such upload, or it has ended."""


class PrincipalUnknown(NotFound):
    """There is no such principal."""


class TokenUnknown(NotFound):
    """There is no such token."""


class GrantUnknown(NotFound):
    """There is no such grant."""


class IssuerUnknown(NotFound):
    """There is no such issuer of identity tokens."""


class PublisherUnknown(NotFound):
    """The namespace has no such trusted publisher, or it is not for you to know."""


class LeaseUnknown(NotFound):
    """There is no such lease, or it has ended."""


class HoldUnknown(NotFound):
    """There is no such hold, or it was lifted."""


class DeploymentUnknown(NotFound):
    """There is no such deployment."""


class TombstoneUnknown(NotFound):
    """Nothing keeps it from coming from an upstream again: it was not deleted here, or was let in again."""


class BlockUnknown(NotFound):
    """The artifact is not blocked."""


class ExemptionUnknown(NotFound):
    """The package has no such exemption."""


class PlanUnknown(NotFound):
    """There is no such plan of what goes, or it was forgotten."""


class PolicyUnknown(NotFound):
    """The namespace has no such policy."""


class PromotionUnknown(NotFound):
    """There is no such promotion."""


class ClearanceUnknown(NotFound):
    """The artifact is not cleared for that channel."""


class WebhookUnknown(NotFound):
    """There is no such webhook, or it is not for you to know."""


class BackupUnknown(NotFound):
    """There is no such backup."""


class LogUnknown(NotFound):
    """The witness does not know this log."""


class SignerUnknown(NotFound):
    """There is no such signer."""


class TrustedRootUnknown(NotFound):
    """There is no such trusted root."""


class AdvisoryUnknown(NotFound):
    """There is no such advisory, or source of advisories."""


class SecretUnknown(NotFound):
    """The artifact has no such secret, or it is not accepted."""


class RouteUnknown(NotFound):
    """There is nothing at this address."""


class MethodNotAllowed(RegistryError):
    """The address does not take this method."""


# --- what is true now and may change ----------------------------------------------------------------------------


class Conflict(RegistryError):
    """The registry's present state does not allow this."""


class VersionExists(Conflict):
    """The version exists, or once existed, with other content."""


class VersionSealed(VersionExists):
    """The version is sealed and takes no more files."""


class TagImmutable(Conflict):
    """The namespace's rules do not let this tag move."""


class NameTaken(Conflict):
    """The name is taken."""


class UploadBusy(Conflict):
    """Another request is writing to this upload."""


class StaleRevision(Conflict):
    """The content has changed since you read it."""


class PreconditionFailed(Conflict):
    """The content is not in the state that the request demands."""


class LogForked(Conflict):
    """The witness has seen another tree of this log."""


class LogMoved(Conflict):
    """The witness has seen another size of this log than the proof begins with: the one that is expected."""


class PlanOutdated(Conflict):
    """What was planned to go is not as it was then; make a new plan."""


class TooManyHolds(Conflict):
    """As many leases and holds as may be are there already."""


class QuotaExceeded(Conflict):
    """The namespace has no room left."""


# --- what is wrong with us or with others -----------------------------------------------------------------------


class RateLimited(RegistryError):
    """Too many requests; try again later."""

    def __init__(self, subject: object = None, *, after: int) -> None:
        super().__init__(subject)
        self.after = after


class UpstreamUnavailable(RegistryError):
    """The upstream registry does not answer."""

    def __init__(self, subject: object = None, *, after: int | None = None) -> None:
        super().__init__(subject)
        self.after = after
        """The seconds that it asks to wait, or that it is left alone; None when nobody knows."""


class UpstreamInvalid(RegistryError):
    """The upstream registry answered with something that is not valid."""


class Unavailable(RegistryError):
    """The registry cannot do this just now; try again later."""

    def __init__(self, subject: object = None, *, after: int = 5) -> None:
        super().__init__(subject)
        self.after = after


class StorageFull(Unavailable):
    """The registry has no room left on its storage."""


class StorageReadOnly(Unavailable):
    """The registry's storage does not accept writes."""


class TurnOver(Unavailable):
    """Another node does this now; what was begun here is void."""


class Disconnected(RegistryError):
    """The client went away before the request was complete."""


class Corrupt(RegistryError):
    """Stored content is not what it was."""
