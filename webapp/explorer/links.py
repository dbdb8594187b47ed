"""Every address that an explorer page contains is made here.

The server and the static site show the same pages under the same paths (``class/310``); they differ
in a suffix and in where shared files lie. Links are relative to the page they stand on, so that a
site works from any folder and behind any proxy prefix.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

HOME = ""
CLASSES = "classes"
METHOD = "method"
EXAMPLE = "example"
BIAS = "bias"
RANDOM = "random"
SEARCH_INDEX = "search.json"


def class_path(class_id: int, dictionary: str | None = None) -> str:
    """Path of a class page; without a dictionary, the one of the atlas's main dictionary."""
    return f"class/{class_id}" if dictionary is None else f"class/{class_id}/{dictionary}"


def concept_path(concept_id: str) -> str:
    """Path of the page of a concept that all classes share."""
    return f"concept/{concept_id}"


def map_path(dictionary: str) -> str:
    """Path of the maps of a shared dictionary that the home page does not show."""
    return f"map/{dictionary}"


def concept_maps_path(concept_id: str) -> str:
    """Path of the maps of such a concept's strongest images."""
    return f"concept/{concept_id}.maps.bin"


def maps_path(class_id: int, dictionary: str) -> str:
    """Path of a class's concept maps."""
    return f"class/{class_id}/{dictionary}.maps.bin"


def table_path(class_id: int, dictionary: str, table: str) -> str:
    """Path of one of a class's tables as CSV."""
    return f"class/{class_id}/{dictionary}.{table}.csv"


def image_path(class_id: int, dictionary: str, number: int | str) -> str:
    """Path of the page of one image of a class, seen through one dictionary."""
    return f"class/{class_id}/{dictionary}/image/{number}"


def attribution_path(class_id: int, method: str, number: int) -> str:
    """Path of one attribution method's map of one image of a class."""
    return f"class/{class_id}/attributions/{method}/{number}.webp"


def attribution_table_path(class_id: int) -> str:
    """Path of the curves of a class's attribution maps as CSV."""
    return f"class/{class_id}/attributions.csv"


def bias_table_path(name: str) -> str:
    """Path of one of the lists of the bias page as CSV."""
    return f"{BIAS}.{name}.csv"


@dataclass(frozen=True)
class Links:
    """Makes the addresses for one page.

    Parameters
    ----------
    here : path of the page that the links stand on, e.g. ``class/310``.
    suffix : what file names of pages end with: nothing on the server, ``.html`` in a static site.
    static : where style sheets and scripts lie; empty: ``static/`` beside the home page.
    version : changes whenever the atlas does; lets pictures be cached for ever.
    static_version : the same for style sheets and scripts.
    base : absolute address of the home page, for pages whose own address is unknown (errors).
    up : address of the list of atlases, if this is one of several.
    study : address at which a study is made of the atlas, where there is a console; with a query.
    """

    here: str = HOME
    suffix: str = ""
    static: str = ""
    version: str = ""
    static_version: str = ""
    base: str = ""
    up: str = ""
    study: str = ""

    @property
    def root(self) -> str:
        """From this page to the folder of the home page; empty or ending in a slash."""
        return self.base or "../" * self.here.count("/")

    @property
    def is_static(self) -> bool:
        """Whether the page stands in a static site, where nothing is computed on request."""
        return bool(self.suffix)

    def page(self, path: str = HOME, **query: str) -> str:
        """Address of a page."""
        if path == HOME:
            address = f"{self.root}index{self.suffix}" if self.suffix else self.root or "./"
        else:
            address = f"{self.root}{quote(path)}{self.suffix}"
        return f"{address}?{urlencode(query)}" if query else address

    def concept(self, class_id: int, concept_id: str, dictionary: str | None = None) -> str:
        """Address of a concept: its class page with the concept open."""
        return f"{self.page(class_path(class_id, dictionary))}#{quote(concept_id)}"

    def make_study(self, *, class_id: int | None = None, concept: str | None = None) -> str:
        """Address at which a study is made of a class, of one concept of it, or of the atlas."""
        query = {} if class_id is None else {"class": str(class_id)}
        if concept is not None:
            query["concept"] = concept if class_id is None else f"{class_id}/{concept}"
        return f"{self.study}&{urlencode(query)}" if query else self.study

    def data(self, path: str) -> str:
        """Address of a data file made from the atlas."""
        return f"{self.root}{quote(path)}{self._stamp(self.version)}"

    def file(self, path: str) -> str:
        """Address of a file of the atlas, e.g. a picture."""
        return f"{self.root}files/{quote(path)}{self._stamp(self.version)}"

    def asset(self, name: str) -> str:
        """Address of a style sheet, a script or an icon."""
        folder = self.static or f"{self.root}static/"
        return f"{folder}{quote(name)}{self._stamp(self.static_version)}"

    @staticmethod
    def _stamp(version: str) -> str:
        return f"?v={version}" if version else ""
