"""Plots as SVG: bars and lines over logarithmic axes, on a card of their own, readable on light and dark pages."""

import math
from collections.abc import Callable, Iterable, Mapping
from html import escape

_WIDTH = 760
_LEFT, _RIGHT, _TOP, _BOTTOM = 150, 90, 66, 46
_MOST_TICKS = 6
_COLOURS = ("#2f6fde", "#d9822b", "#159a6c", "#a855c7", "#d64545", "#8c6239")
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.card { fill: #ffffff; stroke: #d1d9e0 }
.grid { stroke: #d1d9e0 }
.guide { stroke: #59636e; stroke-dasharray: 4 4; fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .card { fill: #0d1117; stroke: #3d444d }
  .grid { stroke: #3d444d }
  .guide { stroke: #9198a1 }
}
"""

Name = Callable[[float], str]
"""How a value of an axis is written."""


def bars(title: str, axis: str, groups: Mapping[str, Mapping[str, float]], name: Name, *, is_log: bool = True) -> str:
    """A bar for each value of each group, the value at its end; ``groups`` is group -> series -> value."""
    series = list(dict.fromkeys(key for values in groups.values() for key in values))
    heights = [16 * len(values) + 14 for values in groups.values()]
    bottom = _TOP + sum(heights)
    values = [value for group in groups.values() for value in group.values()]
    least, most = (10 ** math.floor(math.log10(min(values))), max(values)) if is_log else (0.0, max(values))
    place = _scale(least, most, _LEFT, _WIDTH - _RIGHT, is_log=is_log)
    drawn = _axis_below(_ticks(least, most, is_log=is_log), place, name, bottom)
    y = _TOP
    for (label, group), height in zip(groups.items(), heights, strict=True):
        drawn.append(_text(_LEFT - 10, y + height / 2 + 1, label, "end"))
        for position, (key, value) in enumerate(group.items()):
            at, colour = y + 7 + 16 * position, _COLOURS[series.index(key) % len(_COLOURS)]
            width = max(place(value) - _LEFT, 1)
            drawn.append(f'<rect x="{_LEFT}" y="{at}" width="{width:.1f}" height="13" fill="{colour}"/>')
            drawn.append(_text(_LEFT + width + 5, at + 11, name(value)))
        y += height
    return _card(title, axis, series, drawn, bottom + _BOTTOM)


def lines(
    title: str,
    axes: tuple[str, str],
    series: Mapping[str, Mapping[float, float]],
    names: tuple[Name, Name],
    guides: Mapping[str, Callable[[float], float]],
) -> str:
    """A line for each series, ``x -> y``; each guide is a law, drawn dashed through the last point of every series."""
    bottom = _TOP + 320
    xs = [x for points in series.values() for x in points]
    ys = [y for points in series.values() for y in points.values()]
    low, high = 10 ** math.floor(math.log10(min(ys))), 10 ** math.ceil(math.log10(max(ys)))
    across = _scale(min(xs), max(xs), _LEFT, _WIDTH - _RIGHT, is_log=True)
    up = _scale(low, high, bottom, _TOP, is_log=True)
    drawn = _axis_below(_ticks(min(xs), max(xs), is_log=True), across, names[0], bottom)
    for y in _ticks(low, high, is_log=True):
        drawn.append(f'<path class="grid" d="M{_LEFT} {up(y):.1f}H{_WIDTH - _RIGHT}"/>')
        drawn.append(_text(_LEFT - 8, up(y) + 4, names[1](y), "end"))
    for colour, points in zip(_cycle(series), series.values(), strict=True):
        last = max(points)
        for law in guides.values():
            curve = [(x, points[last] * law(x) / law(last)) for x in points if x >= last / 1e3]
            drawn.append(f'<path class="guide" d="{_path((across(x), up(y)) for x, y in curve if y >= low)}"/>')
        path = _path((across(x), up(y)) for x, y in points.items())
        drawn.append(f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3.5" fill="{colour}"/>' for x, y in points.items()]
    shown = f"{axes[1]}, over {axes[0]}" + "".join(f"; dashed: {law}" for law in guides)
    return _card(title, shown, list(series), drawn, bottom + _BOTTOM)


def _cycle(series: Iterable[str]) -> list[str]:
    return [_COLOURS[number % len(_COLOURS)] for number, _ in enumerate(series)]


def _scale(least: float, most: float, begin: float, end: float, *, is_log: bool) -> Callable[[float], float]:
    if is_log:
        span = math.log10(most / least) or 1.0
        return lambda value: begin + (end - begin) * math.log10(value / least) / span
    return lambda value: begin + (end - begin) * (value - least) / ((most - least) or 1.0)


def _ticks(least: float, most: float, *, is_log: bool) -> list[float]:
    if is_log:
        return [10.0**power for power in range(math.ceil(math.log10(least)), math.floor(math.log10(most)) + 1)]
    size = 10 ** math.floor(math.log10(most))
    step = next(size * part for part in (0.2, 0.5, 1.0, 2.0) if most / (size * part) <= _MOST_TICKS)
    return [step * number for number in range(int(most / step) + 1)]


def _axis_below(ticks: Iterable[float], place: Callable[[float], float], name: Name, bottom: float) -> list[str]:
    drawn = []
    for tick in ticks:
        drawn.append(f'<path class="grid" d="M{place(tick):.1f} {_TOP}V{bottom}"/>')
        drawn.append(_text(place(tick), bottom + 16, name(tick), "middle"))
    return drawn


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<text{name} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _card(title: str, axis: str, series: list[str], drawn: list[str], height: float) -> str:
    keys, x = [], 20.0
    for colour, name in zip(_cycle(series), series, strict=True):
        keys.append(f'<rect x="{x:.0f}" y="38" width="12" height="12" fill="{colour}"/>')
        keys.append(_text(x + 17, 48, name))
        x += 40 + 7 * len(name)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="card" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{height - 1:.0f}" rx="6"/>',
            _text(20, 26, title, kind="title"),
            *keys,
            *drawn,
            _text((_LEFT + _WIDTH - _RIGHT) / 2, height - 10, axis, "middle"),
            "</svg>",
            "",
        ]
    )
