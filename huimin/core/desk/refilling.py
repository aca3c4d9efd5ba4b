"""Put what was typed back into a form of a page that is drawn anew, so that no small form loses it when it is refused.

The page is drawn as always; then the controls of the form that was sent get the values that were sent. A form is known by
the address it posts to, and where a page has several for one address, by the word in its hidden field `form`: no form is
ever filled with what was typed into another one. Hidden fields, files and passwords stay as the page drew them: keys are
used up, and a file cannot be given back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from html.parser import HTMLParser

Typed = Mapping[str, Sequence[str]]

# what a page drew itself, and what the browser will not take back
_LEFT_ALONE = frozenset({"hidden", "file", "password", "submit", "button", "image", "reset"})
_TICKED = frozenset({"checkbox", "radio"})
_Attrs = list[tuple[str, str | None]]


MARK = "form"  # the hidden field by which forms of one address are told apart


@dataclass(slots=True)
class PostForm:
    """A form of a page that writes: its place among all forms, where it goes, its mark, the folds it lies in."""

    number: int
    form_id: str
    folded: frozenset[int]
    action: str
    addresses: set[str] = field(default_factory=set)
    mark: str = ""
    takes_text: bool = False  # whether there is anything in it that could be lost

    def is_the_one(self, action: str, typed: Typed) -> bool:
        return action in self.addresses and [self.mark] == list(typed.get(MARK, ("",)))


def forms_of(html: str, *, page: str) -> list[PostForm]:
    """The forms of a page that write. `page` is its own address, where forms and buttons go that name none."""
    finder = _Finder(page)
    finder.feed(html)
    return finder.found


def fill(html: str, *, page: str, action: str, typed: Typed) -> str:
    """The page with `typed` in the form that it was typed into; unchanged when the page has that form no more."""
    found = next((one for one in forms_of(html, page=page) if one.is_the_one(action, typed)), None)
    if found is None:
        return html
    filler = _Filler(found, typed)
    filler.feed(html)
    filler.close()
    return "".join(filler.out)


class _Finder(HTMLParser):
    """Finds the forms: each goes to its own address, if a button of it does, and to those that buttons of it name."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.page = page
        self.forms, self.folds = -1, 0
        self.open_folds: list[int] = []
        self.present: PostForm | None = None
        self.found: list[PostForm] = []

    def handle_starttag(self, tag: str, attrs: _Attrs) -> None:
        given = dict(attrs)
        if tag == "details":
            self.open_folds.append(self.folds)
            self.folds += 1
        elif tag == "form":
            self._begin(given)
        elif self.present is not None and tag in {"select", "textarea"}:
            self.present.takes_text = True
        elif self.present is not None and tag in {"button", "input"}:
            self._look(self.present, tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "details" and self.open_folds:
            self.open_folds.pop()
        elif tag == "form":
            self.present = None

    def _begin(self, given: dict[str, str | None]) -> None:
        self.forms += 1
        self.present = None
        if given.get("method") == "post":
            action = given.get("action") or self.page
            self.present = PostForm(self.forms, given.get("id") or "", frozenset(self.open_folds), action)
            self.found.append(self.present)

    def _look(self, form: PostForm, tag: str, given: dict[str, str | None]) -> None:
        kind = (given.get("type") or ("submit" if tag == "button" else "text")).lower()
        if kind == "hidden" and given.get("name") == MARK:
            form.mark = given.get("value") or ""
        elif kind in {"submit", "image"} and "disabled" not in given:
            form.addresses.add(given.get("formaction") or form.action)
        elif kind not in _LEFT_ALONE:
            form.takes_text = True


class _Filler(HTMLParser):
    """Writes the page as it reads it, with other values in the one form."""

    def __init__(self, form: PostForm, typed: Typed) -> None:
        super().__init__(convert_charrefs=False)
        self.number, self.form_id, self.folded, self.typed = form.number, form.form_id, form.folded, typed
        self.out: list[str] = []
        self.forms, self.folds = -1, -1
        self.inside = self.swallowing = False
        self.choosing: Sequence[str] | None = None
        self.used: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: _Attrs) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms += 1
            self.inside = self.forms == self.number
        elif tag == "details":
            self.folds += 1
            if self.folds in self.folded:
                given["open"] = None
                self.out.append(_tag(tag, given))
                return
        elif tag == "option" and self.choosing is not None:
            self._choose(given)
            return
        elif self._is_ours(given) and self._control(tag, given):
            return
        self.out.append(self.get_starttag_text() or "")

    def handle_startendtag(self, tag: str, attrs: _Attrs) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "select":
            self.choosing = None
        elif tag == "textarea":
            self.swallowing = False
        self.out.append(f"</{tag}>")

    def _is_ours(self, given: dict[str, str | None]) -> bool:
        belongs = given.get("form")
        return bool(self.form_id) and belongs == self.form_id if belongs else self.inside

    def _control(self, tag: str, given: dict[str, str | None]) -> bool:
        name = given.get("name") or ""
        if tag == "input":
            return self._input(name, given)
        if name not in self.typed:
            return False
        if tag == "select":
            self.choosing = self.typed[name]
        elif tag == "textarea":
            # HTML swallows the first line break after the tag
            self.out += [self.get_starttag_text() or "", "\n", escape(self._next(name), quote=False)]
            self.swallowing = True
            return True
        return False

    def _input(self, name: str, given: dict[str, str | None]) -> bool:
        kind = (given.get("type") or "text").lower()
        if not name or kind in _LEFT_ALONE:
            return False
        if kind in _TICKED:
            given.pop("checked", None)
            if (given.get("value") or "on") in self.typed.get(name, ()):
                given["checked"] = None
        elif name in self.typed:
            given["value"] = self._next(name)
        else:
            return False
        self.out.append(_tag("input", given))
        return True

    def _choose(self, given: dict[str, str | None]) -> None:
        given.pop("selected", None)
        if self.choosing is not None and (given.get("value") or "") in self.choosing:
            given["selected"] = None
        self.out.append(_tag("option", given))

    def _next(self, name: str) -> str:
        """Boxes of one name get their values in the order they were sent."""
        values, at = self.typed[name], self.used.get(name, 0)
        self.used[name] = at + 1
        return values[at] if at < len(values) else ""

    def handle_data(self, data: str) -> None:
        if not self.swallowing:
            self.out.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        self.out.append(f"<!--{data}-->")

    def handle_decl(self, decl: str) -> None:
        self.out.append(f"<!{decl}>")

    def handle_pi(self, data: str) -> None:
        self.out.append(f"<?{data}>")


def _tag(tag: str, attrs: Mapping[str, str | None]) -> str:
    said = "".join(
        f" {name}" if value is None else f' {name}="{escape(value)}"' for name, value in attrs.items()
    )
    return f"<{tag}{said}>"
