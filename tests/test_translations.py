"""Every text of the site is translated, and the catalogues are those of the sources."""

import shutil
from pathlib import Path

import pytest

from competition import translations
from tests.services import missing


@pytest.fixture(autouse=True)
def gettext() -> None:
    if not shutil.which("msgattrib"):
        missing("GNU gettext (Debian package gettext)")


def test_the_translations_are_complete_and_current():
    assert translations.problems() == []


@pytest.fixture
def catalogue(tmp_path) -> Path:
    """The catalogue of a small package with one translated text."""
    package = tmp_path / "package"
    package.mkdir()
    (package / "page.html").write_text('{% load i18n %}{% translate "Typhoon" %}')
    po = translations.catalogue("ja", package)
    translations.update(package)
    po.write_text(po.read_text().replace('msgid "Typhoon"\nmsgstr ""', 'msgid "Typhoon"\nmsgstr "台風"'))
    translations.update(package)
    assert translations.problems(package) == []
    return po


def test_a_text_without_a_translation_is_found(catalogue):
    (catalogue.parents[3] / "page.html").write_text('{% load i18n %}{% translate "Cloud" %}')
    found = " ".join(translations.problems(catalogue.parents[3]))
    assert "not what the sources say" in found
    assert 'untranslated: "Cloud"' in found


def test_a_guess_is_found(catalogue):
    catalogue.write_text(catalogue.read_text().replace('msgid "Typhoon"', '#, fuzzy\nmsgid "Typhoon"'))
    assert any('only-fuzzy: "Typhoon"' in problem for problem in translations.problems(catalogue.parents[3]))


def test_a_catalogue_that_was_not_compiled_is_found(catalogue):
    catalogue.write_text(catalogue.read_text().replace("台風", "たいふう"))
    assert any("not compiled" in problem for problem in translations.problems(catalogue.parents[3]))


def test_a_broken_placeholder_stops_the_update(catalogue):
    (catalogue.parents[3] / "page.html").write_text(
        "{% load i18n %}{% blocktranslate %}{{ n }} a{% endblocktranslate %}"
    )
    translations.update(catalogue.parents[3])
    catalogue.write_text(
        catalogue.read_text().replace('msgid "%(n)s a"\nmsgstr ""', 'msgid "%(n)s a"\nmsgstr "%(m)s"')
    )
    with pytest.raises(SystemExit, match="msgfmt"):
        translations.update(catalogue.parents[3])
