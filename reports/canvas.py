"""Draw a matplotlib figure straight onto a reportlab canvas: vector, shared fonts, real text."""

from typing import Any

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.transforms import Transform
from PIL import Image
from reportlab.lib.utils import ImageReader

from extval.reports import typefaces

_CAPS = {"butt": 0, "round": 1, "projecting": 2}
_JOINS = {"miter": 0, "round": 1, "bevel": 2}
_BELOW_THE_LINE = frozenset("gjpqyQ,;()[]{}/|_@§µ")


def draw_figure(figure: Figure, canvas: Any) -> None:
    """Draw `figure` with its lower left corner at the origin of `canvas`.

    The figure must have 72 dots per inch, so that its dots are points.
    """
    width, height = (72.0 * inches for inches in figure.get_size_inches())
    figure.draw(CanvasRenderer(canvas, width, height))


class CanvasRenderer(RendererBase):
    """A matplotlib renderer that writes to a reportlab canvas.

    Transparency is refused, because print and EPS paint it opaque: blend tints beforehand.
    """

    def __init__(self, canvas: Any, width: float, height: float) -> None:
        super().__init__()
        self.canvas, self.width, self.height, self.dpi = canvas, width, height, 72.0

    def get_canvas_width_height(self) -> tuple[float, float]:
        """Return the size in points."""
        return self.width, self.height

    def flipy(self) -> bool:
        """Return that y grows upwards."""
        return False

    def points_to_pixels(self, points: Any) -> Any:
        """Return points, which are this renderer's pixels."""
        return points

    def option_image_nocomposite(self) -> bool:
        """Return that images are not to be merged."""
        return True

    def draw_path(
        self,
        gc: GraphicsContextBase,
        path: Path,
        transform: Transform,
        rgbFace: Any = None,  # noqa: N803 (matplotlib's name)
    ) -> None:
        """Draw a path."""
        stroke = gc.get_linewidth() > 0.0 and _visible(gc.get_rgb())
        fill = _visible(rgbFace)
        if not (stroke or fill):
            return
        clip = None if fill else (0.0, 0.0, self.width, self.height)
        shape = self._shape(path, transform, clip=clip, simplify=path.should_simplify and not fill)
        self.canvas.saveState()
        self._clip(gc)
        self._style(gc, rgbFace if fill else None, stroke=stroke)
        self.canvas.drawPath(shape, stroke=int(stroke), fill=int(fill))
        self.canvas.restoreState()

    def draw_image(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        im: Any,
        transform: Any = None,
    ) -> None:
        """Draw an image of shape (rows, columns, 4), rows from the bottom."""
        height, width = im.shape[:2]
        self.canvas.saveState()
        self._clip(gc)
        if transform is not None:
            self.canvas.transform(*transform.frozen().to_values())
            x, y, width, height = 0, 0, 1, 1
        image = ImageReader(Image.fromarray(np.ascontiguousarray(im[::-1, :, :3])))
        self.canvas.drawImage(image, x, y, width, height)
        self.canvas.restoreState()

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = None,
        mtext: Any = None,
    ) -> None:
        """Draw a line of text with its baseline at (x, y)."""
        canvas, size = self.canvas, float(prop.get_size_in_points())
        canvas.saveState()
        self._clip(gc)
        canvas.setFillColorRGB(*_opaque(gc.get_rgb()))
        canvas.translate(x, y)
        if angle:
            canvas.rotate(angle)
        pen = canvas.beginText(0, 0)
        for font, piece in typefaces.runs(s, bold=_is_bold(prop)):
            pen.setFont(font, size)
            pen.textOut(piece)
        canvas.drawText(pen)
        canvas.restoreState()

    def get_text_width_height_descent(
        self, s: str, prop: FontProperties, ismath: Any
    ) -> tuple[float, float, float]:
        """Return the size of a line of text in points."""
        size = float(prop.get_size_in_points())
        descent = 0.22 * size if _BELOW_THE_LINE & set(s) else 0.01 * size
        return typefaces.width(s, size, bold=_is_bold(prop)), 0.75 * size + descent, descent

    def _shape(self, path: Any, transform: Any, *, clip: Any = None, simplify: bool = False) -> Any:
        """Return the path of the canvas."""
        shape = self.canvas.beginPath()
        last: Any = (0.0, 0.0)
        for points, code in path.iter_segments(
            transform, simplify=simplify, clip=clip, curves=True, remove_nans=True
        ):
            if code == Path.MOVETO:
                shape.moveTo(*points)
            elif code == Path.LINETO:
                shape.lineTo(*points)
            elif code == Path.CURVE3:  # quadratic to cubic
                (x0, y0), (x1, y1, x2, y2) = last, points
                shape.curveTo(
                    x0 + 2 / 3 * (x1 - x0),
                    y0 + 2 / 3 * (y1 - y0),
                    x2 + 2 / 3 * (x1 - x2),
                    y2 + 2 / 3 * (y1 - y2),
                    x2,
                    y2,
                )
            elif code == Path.CURVE4:
                shape.curveTo(*points)
            elif code == Path.CLOSEPOLY:
                shape.close()
            if code != Path.CLOSEPOLY:
                last = points[-2:]
        return shape

    def _clip(self, gc: GraphicsContextBase) -> None:
        box = gc.get_clip_rectangle()
        if box is not None:
            shape = self.canvas.beginPath()
            shape.rect(*box.bounds)
            self.canvas.clipPath(shape, stroke=0, fill=0)
        path, transform = gc.get_clip_path()
        if path is not None:
            self.canvas.clipPath(self._shape(path, transform), stroke=0, fill=0)

    def _style(self, gc: GraphicsContextBase, face: Any, *, stroke: bool) -> None:
        canvas = self.canvas
        if gc.get_forced_alpha():
            _opaque((0.0, 0.0, 0.0, gc.get_alpha()))
        if stroke:
            canvas.setStrokeColorRGB(*_opaque(gc.get_rgb()))
            canvas.setLineWidth(gc.get_linewidth())
            canvas.setLineCap(_CAPS[gc.get_capstyle()])
            canvas.setLineJoin(_JOINS[gc.get_joinstyle()])
            dashes: Any
            offset, dashes = gc.get_dashes()
            if dashes is not None:
                canvas.setDash([float(length) for length in dashes], float(offset or 0.0))
        if face is not None:
            canvas.setFillColorRGB(*_opaque(face))


def _visible(color: Any) -> bool:
    return color is not None and (len(color) < 4 or color[3] > 0.0)


def _opaque(color: Any) -> tuple[float, float, float]:
    if len(color) > 3 and color[3] < 1.0:
        raise ValueError(
            "a figure uses transparency; print paints it opaque, so blend the tint beforehand "
            "(palette.tint)."
        )
    return float(color[0]), float(color[1]), float(color[2])


def _is_bold(prop: FontProperties) -> bool:
    weight: Any = prop.get_weight()
    return weight in ("bold", "semibold", "heavy") or (isinstance(weight, int) and weight >= 600)
