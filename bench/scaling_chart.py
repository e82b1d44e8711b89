"""The chart of the scaling benchmark as SVG: a panel for each size that varies, both axes logarithmic, the same scale
of time in all, elbo beside the faster of PyTorch's two ways at each size, whiskers from the least to the most."""
import html
import math

import results

PANELS = (("batch", "batch size"), ("hidden", "hidden units"), ("latent", "latent dimensions"),
          ("input", "input columns"))
WIDTH, HEIGHT, TOP = 920, 640, 64
PANEL_WIDTH, PANEL_HEIGHT = 340, 200
LABEL_GAP = 15  # pixels between the middles of two names, at least
STYLE = """
    svg { --paper: #fff; --ink: #1f2328; --mute: #68707a; --grid: #e3e6ea; --elbo: #0072b2; --peer: #d55e00 }
    @media (prefers-color-scheme: dark) {
      svg { --paper: #0d1117; --ink: #e6edf3; --mute: #9aa3ad; --grid: #2a313a; --elbo: #56b4e9; --peer: #ff8a3d }
    }
    text { font: 12px system-ui, sans-serif; fill: var(--mute) }
    .title { font-size: 16px; font-weight: 600; fill: var(--ink) }
    .name { font-size: 13px; font-weight: 600; fill: var(--ink) }
    .ratio { paint-order: stroke; stroke: var(--paper); stroke-width: 4px }
    .grid { stroke: var(--grid) }
    .elbo { stroke: var(--elbo) } .peer { stroke: var(--peer) }
    .line { fill: none; stroke-width: 2; stroke-linejoin: round }
    circle.elbo { fill: var(--elbo) } circle.peer { fill: var(--peer) }
    text.elbo, text.peer { stroke: none; font-weight: 600 }
    text.elbo { fill: var(--elbo) } text.peer { fill: var(--peer) }
"""


class Scale:
    """Logarithmic from [low, high] to pixels [start, end]; the middle of them where low is high."""

    def __init__(self, low, high, start, end):
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value):
        width = math.log(self.high / self.low)
        share = math.log(value / self.low) / width if width else 0.5
        return self.start + share * (self.end - self.start)

    def powers(self):
        first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
        return [10.0 ** e for e in range(first, last + 1)]


def text(x, y, words, kind="", anchor="middle"):
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(words)}</text>'


def line(kind, x1, y1, x2, y2):
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def series(rows):
    """{panel: {"elbo" or "peer": {size: row}}}; of the peer's rows the fastest at each size."""
    found = {}
    for row in rows:
        panel, size = row["case"].split()
        kind = "elbo" if results.is_ours(row["side"]) else "peer"
        points = found.setdefault(panel, {}).setdefault(kind, {})
        best = points.get(int(size))
        if best is None or float(row["median"]) < float(best["median"]):
            points[int(size)] = row
    return found


def draw_series(kind, points, x, y):
    at = [(x(size), y(float(row["median"]))) for size, row in sorted(points.items())]
    drawn = [f'<polyline class="line {kind}" points="{" ".join(f"{px:.1f},{py:.1f}" for px, py in at)}"/>']
    for size, row in points.items():
        drawn.append(line(kind, x(size), y(float(row["least"])), x(size), y(float(row["most"]))))
    return drawn + [f'<circle class="{kind}" cx="{px:.1f}" cy="{py:.1f}" r="3.5"/>' for px, py in at]


def draw_names(kinds, x, y):
    """The names at the lines' right ends, as far apart as letters need."""
    ends = sorted((y(float(points[max(points)]["median"])), kind) for kind, points in kinds.items())
    if len(ends) == 2 and ends[1][0] - ends[0][0] < LABEL_GAP:
        middle = (ends[0][0] + ends[1][0]) / 2
        ends = [(middle - LABEL_GAP / 2, ends[0][1]), (middle + LABEL_GAP / 2, ends[1][1])]
    names = {"elbo": "elbo", "peer": "PyTorch"}
    right = max(x(max(points)) for points in kinds.values())
    return [text(right + 9, at + 4, names[kind], kind, "start") for at, kind in ends]


def draw_ratios(kinds, x, y):
    """How many times elbo's time the peer takes, above the upper of the two, left of a line that rises."""
    drawn = []
    for size in sorted(kinds.get("elbo", {}).keys() & kinds.get("peer", {}).keys()):
        own, peer = kinds["elbo"][size], kinds["peer"][size]
        top = y(max(float(own["most"]), float(peer["most"])))
        drawn.append(text(x(size) + 8, top - 8, f"{float(own['ratio']):.1f}×", "ratio", "end"))
    return drawn


def draw_panel(title, kinds, left, top, times):
    right, bottom = left + PANEL_WIDTH, top + PANEL_HEIGHT
    sizes = sorted({size for points in kinds.values() for size in points})
    x = Scale(sizes[0], sizes[-1], left + 36, right - 14)
    y = Scale(*times, bottom, top)
    drawn = [text(left, top - 14, title, "name", "start")]
    for power in y.powers():
        drawn.append(line("grid", left, y(power), right, y(power)))
        drawn.append(text(left - 8, y(power) + 4, f"{power:,g}", "", "end"))
    drawn += [text(x(size), bottom + 18, f"{size:,}") for size in sizes]
    for kind, points in kinds.items():
        drawn += draw_series(kind, points, x, y)
    return drawn + draw_ratios(kinds, x, y) + draw_names(kinds, x, y)


def draw(rows):
    """The chart of the first place in `rows`; of no rows, a chart that says so."""
    rows = [row for row in rows if row["benchmark"] == "scaling"]
    rows = [row for row in rows if results.place(row) == results.place(rows[0])]
    drawn = [text(24, 30, "Microseconds per example of training a dense VAE", "title", "start"),
             text(WIDTH - 24, 30, "PyTorch / elbo above the points", "", "end")]
    if rows:
        drawn.append(text(24, 50, results.circumstances_line(rows[0], ["f32"]), "", "start"))
        times = (10 ** math.floor(math.log10(min(float(row["least"]) for row in rows))),
                 10 ** math.ceil(math.log10(max(float(row["most"]) for row in rows))))
        found = series(rows)
        for i, (panel, title) in enumerate((p, t) for p, t in PANELS if p in found):
            left, top = 64 + i % 2 * (PANEL_WIDTH + 104), TOP + 44 + i // 2 * (PANEL_HEIGHT + 82)
            drawn += draw_panel(title, found[panel], left, top, times)
    else:
        drawn.append(text(24, 50, "Not measured yet.", "", "start"))
    body = "\n  ".join(drawn)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'role="img" aria-label="Microseconds per example over sizes">\n  <style>{STYLE}  </style>\n'
            f'  <rect width="100%" height="100%" rx="8" fill="var(--paper)"/>\n  {body}\n</svg>\n')
