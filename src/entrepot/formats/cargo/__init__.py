"""Rust crates: the registry that Cargo's sparse index and web API describe."""

from entrepot.formats.cargo.errors import ERRORS, authenticate
from entrepot.formats.cargo.routes import ROUTES
from entrepot.formats.cargo.rules import CargoRules
from entrepot.wire.format import Format, Surface

FORMAT = Format(
    title="Cargo",
    rules=CargoRules(),
    surface=Surface(name="cargo", prefix="cargo", routes=ROUTES, errors=ERRORS, authenticate=authenticate),
)
