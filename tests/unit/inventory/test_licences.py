"""Licences as people write them, and what they ask."""

from __future__ import annotations

import time

import pytest

from entrepot.inventory.licences import Category, all_of, category_of, normalise, normalise_classifiers


@pytest.mark.parametrize(
    ("written", "expression"),
    [
        ("MIT", "MIT"),
        ("mit", "MIT"),
        ("MIT License", "MIT"),
        ("The MIT licence", "MIT"),
        ("MIT/Apache-2.0", "MIT OR Apache-2.0"),
        ("Apache 2.0", "Apache-2.0"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("The Apache Software License, Version 2.0", "Apache-2.0"),
        ("MIT or Apache License 2.0", "MIT OR Apache-2.0"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("GPLv3+", "GPL-3.0-or-later"),
        ("GPL-2+ and LGPL-2.1+", "GPL-2.0-or-later AND LGPL-2.1-or-later"),
        ("GPL-2.0 with classpath exception", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("Apache-2.0 WITH LLVM-exception", "Apache-2.0 WITH LLVM-exception"),
        ("(MIT OR Apache-2.0) AND BSD-3-Clause", "(MIT OR Apache-2.0) AND BSD-3-Clause"),
        ("GPL, MIT", "GPL-1.0-or-later AND MIT"),
        ("CDDL+GPL AND MIT", "(CDDL-1.1 OR GPL-2.0-only WITH Classpath-exception-2.0) AND MIT"),
        ("LicenseRef-Ours AND MIT", "LicenseRef-Ours AND MIT"),
        ("UNLICENSED", "LicenseRef-Proprietary"),
        ("Unlicense", "Unlicense"),
        ("BSD", "LicenseRef-BSD"),
        ("SEE LICENSE IN LICENSE.txt", None),
        ("MIT AND", None),
        ("MIT WITH Apache-2.0", None),
        ("Classpath-exception-2.0", None),
        ("whatever", None),
        ("", None),
        (None, None),
        ("(" * 500 + "MIT", None),
        (" OR ".join(["MIT"] * 300), None),
        ("x" * 200_000, None),
    ],
)
def test_a_licence_becomes_the_expression_that_it_means(written: str | None, expression: str | None) -> None:
    assert normalise(written) == expression


def test_an_expression_means_itself() -> None:
    for expression in ("MIT OR Apache-2.0", "LicenseRef-BSD", "GPL-2.0-only WITH Classpath-exception-2.0", "0BSD"):
        assert normalise(expression) == expression


def test_a_whole_text_is_known_by_its_words() -> None:
    text = """Permission is hereby granted, free of charge, to any person …
    The above copyright notice and this permission notice shall be included …"""

    assert normalise(text) == "MIT"
    assert normalise("All that is in here\nis ours") is None


@pytest.mark.parametrize(
    ("classifiers", "expression"),
    [
        (["License :: OSI Approved :: MIT License"], "MIT"),
        (["License :: OSI Approved", "License :: OSI Approved :: BSD License"], "LicenseRef-BSD"),
        (
            [
                "License :: OSI Approved :: MIT License",
                "License :: OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)",
            ],
            "MIT AND MPL-2.0",
        ),
        (["Topic :: Utilities"], None),
        (["License :: OSI Approved :: MIT License", "License :: Odd"], None),
    ],
)
def test_classifiers_are_licences(classifiers: list[str], expression: str | None) -> None:
    assert normalise_classifiers(classifiers) == expression


@pytest.mark.parametrize(
    ("expression", "category"),
    [
        ("MIT", Category.PERMISSIVE),
        ("CC0-1.0", Category.PUBLIC_DOMAIN),
        ("MPL-2.0", Category.WEAK_COPYLEFT),
        ("GPL-3.0-only", Category.STRONG_COPYLEFT),
        ("AGPL-3.0-or-later", Category.NETWORK_COPYLEFT),
        ("BUSL-1.1", Category.PROPRIETARY),
        ("LicenseRef-Proprietary", Category.PROPRIETARY),
        ("LicenseRef-Ours", Category.UNKNOWN),
        ("MIT OR GPL-3.0-only", Category.PERMISSIVE),
        ("MIT AND GPL-3.0-only", Category.STRONG_COPYLEFT),
        ("MIT AND (GPL-3.0-only OR Apache-2.0)", Category.PERMISSIVE),
        ("MIT OR LicenseRef-Ours", Category.PERMISSIVE),
        ("MIT AND LicenseRef-Ours", Category.UNKNOWN),
        ("GPL-2.0-only WITH Classpath-exception-2.0", Category.WEAK_COPYLEFT),
        ("Apache-2.0 WITH LLVM-exception", Category.PERMISSIVE),
        ("AND AND", Category.UNKNOWN),
        (None, Category.UNKNOWN),
    ],
)
def test_of_a_choice_the_most_permissive_counts_and_of_what_holds_together_the_most_restrictive(
    expression: str | None, category: Category
) -> None:
    assert category_of(expression) is category


def test_what_is_not_known_makes_the_whole_unknown() -> None:
    assert all_of(["MIT", None]) is None
    assert all_of([]) is None
    assert all_of(["MIT", "MIT"]) == "MIT"
    assert all_of(["MIT OR Apache-2.0", "ISC"]) == "(MIT OR Apache-2.0) AND ISC"


def test_long_runs_of_spaces_are_read_in_no_time() -> None:
    started = time.process_time()

    for number in range(50):
        normalise(f"a{number}{' ' * 1_950}b")

    assert time.process_time() - started < 2  # It took a sixth of a second for each.
