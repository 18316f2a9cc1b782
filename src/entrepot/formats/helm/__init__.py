"""Helm charts: a repository with an index, and the same charts as OCI artifacts in Helm's own form."""

from entrepot.formats.helm.evidence import find_evidence
from entrepot.formats.helm.inventory import describe
from entrepot.formats.helm.push import accept_chart
from entrepot.formats.helm.routes import ROUTES
from entrepot.formats.helm.rules import RULES
from entrepot.formats.helm.upstream import HelmReadThrough
from entrepot.wire.format import Format, Surface

FORMAT = Format(
    title="Helm",
    rules=RULES,
    surface=Surface(name="helm", prefix="helm", routes=ROUTES),
    read_through=HelmReadThrough(),
    accept=accept_chart,
    evidence=find_evidence,
    describe=describe,
)
