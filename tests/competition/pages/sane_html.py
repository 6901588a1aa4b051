"""What holds for the HTML of every page: names for what can be used, one heading, nothing from elsewhere."""

from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag
from django.http import HttpResponse

UNLABELLED = {"hidden", "submit", "button"}


def page_of(response: HttpResponse) -> BeautifulSoup:
    """The page, once it has passed `faults`."""
    page = BeautifulSoup(response.content, "html.parser")
    assert not (found := faults(page)), found
    return page


def text_of(response: HttpResponse) -> str:
    return " ".join(page_of(response).get_text(" ").split())


def faults(page: BeautifulSoup) -> list[str]:
    """Everything wrong with the page that a program can tell."""
    ids = [str(element["id"]) for element in page.select("[id]")]
    found = [f"the id {name} occurs twice" for name in {name for name in ids if ids.count(name) > 1}]
    if len(page.select("h1")) != 1:
        found.append(f"{len(page.select('h1'))} h1")
    if not (page.title and page.title.get_text(strip=True).strip("· ")):
        found.append("no title")
    if not (page.html and page.html.get("lang")):
        found.append("no language")
    found += [
        f"no label: {control}"
        for control in page.select("input, select, textarea")
        if control.get("type") not in UNLABELLED and not _name_of(control, page)
    ]
    found += [f"no name: {element}" for element in page.select("button, a[href]") if not _text(element)]
    found += [f"no alt: {image}" for image in page.select("img") if not image.has_attr("alt")]
    for script in page.select("script"):
        data_block = script.get("type") in {"application/json", "application/ld+json"}
        if not data_block and not script.get("src") and not script.get("nonce"):
            found.append(f"inline script without nonce: {script}")
    for element, attribute in (("script", "src"), ("link", "href"), ("img", "src"), ("form", "action")):
        for tag in page.select(f"{element}[{attribute}]"):
            if urlsplit(str(tag[attribute])).netloc:
                found.append(f"from elsewhere: {tag}")
    for attribute in ("aria-labelledby", "aria-describedby"):
        for tag in page.select(f"[{attribute}]"):
            found += [
                f"{attribute} to nowhere: {name}" for name in str(tag[attribute]).split() if name not in ids
            ]
    found += [
        f"handler in the markup: {tag.name}" for tag in page.select("[onclick], [onsubmit], [onchange]")
    ]
    return found


def _name_of(control: Tag, page: BeautifulSoup) -> str:
    label = page.select_one(f'label[for="{control.get("id")}"]') if control.get("id") else None
    wrapping = control.find_parent("label")
    return str(control.get("aria-label") or _text(label or wrapping))


def _text(element: Tag | None) -> str:
    if element is None:
        return ""
    named = [str(inner["aria-label"]) for inner in element.select("[aria-label]")]
    pictures = [str(image.get("alt", "")) for image in element.select("img")]
    return "".join([element.get_text(strip=True), str(element.get("aria-label", "")), *named, *pictures])
