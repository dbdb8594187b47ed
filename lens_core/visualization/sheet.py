"""Contact sheets: pictures of a class's concepts by several methods, above the concepts' crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from .exhibits import Exhibit

_GREY = (128, 128, 128)
_INK = (255, 255, 255)
_GAP_PX = 4
_CROPS_A_SIDE = 3
_LABEL_PX = 64


@dataclass(frozen=True)
class Row:
    """One method's pictures of a class."""

    method: str
    shown: Exhibit


def contact_sheet(rows: Sequence[Row], picture_px: int = 112, concepts: int = 10) -> Image.Image:
    """A block for each class: a line for each method, then nine crops of each concept.

    Parameters
    ----------
    rows
        Those of one class follow one another.
    picture_px
        Side of each picture.
    concepts
        At most so many of a class, the most important ones; the class's own picture stands last.
    """
    classes = list(dict.fromkeys(row.shown.class_id for row in rows))
    step = picture_px + _GAP_PX
    columns = min(concepts, max(len(row.shown.pictures) for row in rows)) + 1
    lines = len(rows) + len(classes)
    width = _LABEL_PX + columns * step
    sheet = Image.new("RGB", (width, lines * step + len(classes) * _GAP_PX * 2), _GREY)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(12)
    top = _GAP_PX
    for class_id in classes:
        mine = [row for row in rows if row.shown.class_id == class_id]
        for row in mine:
            pen.text((_GAP_PX, top + picture_px // 2), row.method, fill=_INK, font=font)
            for column, picture in enumerate(row.shown.pictures[: columns - 1]):
                _lay(sheet, picture, (_LABEL_PX + column * step, top), picture_px)
            if row.shown.class_picture is not None:
                place = (_LABEL_PX + (columns - 1) * step, top)
                _lay(sheet, row.shown.class_picture, place, picture_px)
            top += step
        shown = mine[0].shown
        pen.text((_GAP_PX, top + picture_px // 2), "crops", fill=_INK, font=font)
        side = picture_px // _CROPS_A_SIDE
        for column, crops in enumerate(shown.crops[: columns - 1]):
            for i, crop in enumerate(crops[: _CROPS_A_SIDE**2]):
                place = (
                    _LABEL_PX + column * step + i % _CROPS_A_SIDE * side,
                    top + i // _CROPS_A_SIDE * side,
                )
                sheet.paste(crop.resize((side, side), Image.Resampling.LANCZOS), place)
        name = (_LABEL_PX + (columns - 1) * step + _GAP_PX, top + picture_px // 2)
        pen.text(name, shown.name[: picture_px // 7], fill=_INK, font=font)
        top += step + 2 * _GAP_PX
    return sheet


def _lay(sheet: Image.Image, picture: Image.Image, place: tuple[int, int], px: int) -> None:
    small = picture.convert("RGBA").resize((px, px), Image.Resampling.LANCZOS)
    sheet.paste(small, place, small.getchannel("A"))
