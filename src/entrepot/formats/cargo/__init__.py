"""Rust crates: the registry that Cargo's sparse index and web API describe."""

from entrepot.formats.cargo.errors import ERRORS, authenticate
from entrepot.formats.cargo.inventory import describe
from entrepot.formats.cargo.routes import ROUTES
from entrepot.formats.cargo.rules import RULES
from entrepot.formats.cargo.trusted_publishing import ROUTES as TRUSTED_PUBLISHING
from entrepot.formats.cargo.upstream import CargoReadThrough
from entrepot.wire.format import Format, Surface

FORMAT = Format(
    title="Cargo",
    rules=RULES,
    surface=Surface(
        name="cargo",
        prefix="cargo",
        routes=(*TRUSTED_PUBLISHING, *ROUTES),
        errors=ERRORS,
        authenticate=authenticate,
    ),
    read_through=CargoReadThrough(),
    describe=describe,
    ecosystem="crates",
)
