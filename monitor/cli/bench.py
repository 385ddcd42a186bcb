"""`lpbf-monitor bench`: what the monitor costs on this machine, as ratios taken in one run."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import Progress, TaskID
from rich.table import Table

from monitor.cli.bench_upscale import upscale
from monitor.cli.common import ConfigOption, err, out, progress_bar, settings_of, told
from monitor.cli.registration import registration

if TYPE_CHECKING:
    from monitor.bench.acquire import CommitCosts, Phase
    from monitor.bench.faults import Counts
    from monitor.bench.page import PageCosts
    from monitor.bench.pixels import PixelCosts
    from monitor.bench.signals import SignalCosts
    from monitor.bench.soak import Soaked
    from monitor.bench.trigger import Tally

app = typer.Typer(help="Measure what the monitor costs on this machine.", no_args_is_help=True)


@app.callback()
def _bench() -> None:
    """Measure what the monitor costs on this machine; each ratio is taken within one run."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # or its processes would outlive it


app.command()(registration)
app.command()(upscale)

FolderOption = Annotated[
    Path | None, typer.Option(help="Where scratch files go; they are removed. The system's folder without one.")
]


@contextmanager
def scratch(folder: Path | None) -> Iterator[Path]:
    """A folder of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="lpbf-bench-", dir=folder, ignore_cleanup_errors=True) as name:
        yield Path(name)


@app.command()
def acquire(
    layers: Annotated[int, typer.Option(help="Layers of each of four phases.", min=4)] = 20,
    viewers: Annotated[int, typer.Option(help="Viewers of the page in every second phase.", min=1)] = 50,
    signals: Annotated[bool, typer.Option(help="Commit the trigger signal and the laser-on map as well.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw each layer's times into this file (SVG).")] = None,
    folder: FolderOption = None,
) -> None:
    """Time commits of a webcam and a 20 MP Basler against plain writes of the same bytes, without and with viewers.

    Acquisition and the page are real processes; the cameras give frames that were made beforehand.
    """
    from monitor.bench.acquire import measure_acquire
    from monitor.bench.drawn import drawn

    with told(), progress_bar() as bar, scratch(folder) as root:
        shown = _shown(bar, bar.add_task("layers", total=4 * layers))
        found = measure_acquire(root, layers=layers, viewers=(0, viewers) * 2, signals=signals, progress=shown)
        if plot:
            plot.write_text(drawn(found), encoding="utf-8")
    out.print(_told_phases(found))
    first, last = found.rss_bytes
    low, high = found.spread(watched=False)
    judging, storing = found.core_s(watched=False)
    for line in (
        f"commit over plain write and fsync of the same bytes: {found.ratio(watched=False):.2f} "
        f"(bar 1.5; {low:.2f} to {high:.2f} in eight of ten layers), "
        f"{found.ratio(watched=True):.2f} with {viewers} viewers",
        f"from the arrival of the last frame, with judging and compression: {found.whole_ratio(watched=False):.2f} "
        f"(bar 1.5), {found.whole_ratio(watched=True):.2f} with {viewers} viewers",
        f"of that until the frames are judged: {found.judged_ratio(watched=False):.2f}; core time from the last frame "
        f"to the commit: {1e3 * judging:.0f} ms of judging, {1e3 * storing:.0f} ms of compressing, digesting, writing",
        f"compressing these frames alone, on all cores: {found.packing_ratio(watched=False):.2f}",
        f"commit with {viewers} viewers over without: {found.viewers_ratio:.2f}",
        f"last quarter of the layers over the first: {found.growth:.2f}",
        f"memory of acquisition: at most {first / 1e6:.0f} MB in the first quarter, {last / 1e6:.0f} MB in the last "
        f"(bar 300 MB)",
        f"frames missing: {found.gaps}",
    ):
        out.print(line, highlight=False, soft_wrap=True)


def _told_phases(found: CommitCosts) -> Table:
    table = Table("viewers", "commit", "plain write", "ratio", "acquisition", "page", "states", "pictures", "refused")
    for phase in found.phases:
        commit_s, plain_s = ([getattr(c, key) for c in phase.layers] for key in ("commit_s", "plain_s"))
        table.add_row(
            str(phase.viewers),
            f"{1e3 * median(commit_s):.1f} ms",
            f"{1e3 * median(plain_s):.1f} ms",
            f"{median(c / p for c, p in zip(commit_s, plain_s, strict=True)):.2f}",
            f"{phase.acquire_core_s:.2f} core-s",
            f"{phase.page_core_s:.2f} core-s",
            str(phase.audience.states),
            str(phase.audience.pictures),
            str(sum(phase.audience.failures.values())),
        )
    return table


@app.command()
def page(
    layers: Annotated[int, typer.Option(help="Layers of each phase.", min=4)] = 12,
    viewers: Annotated[list[int] | None, typer.Option(help="Viewers of a phase; say it again for more phases.")] = None,
    turns: Annotated[int, typer.Option(help="How often all phases are gone through.", min=1)] = 2,
    folder: FolderOption = None,
) -> None:
    """Let 1, 10 and 50 viewers watch a build: what they cost acquisition and the page, how soon they hear of products.

    Before each phase with viewers is one without, to which it is compared; ratios are of medians over all turns.
    """
    from monitor.bench.page import measure_page

    numbers = viewers or [1, 10, 50]
    with told(), progress_bar() as bar, scratch(folder) as root:
        task = bar.add_task("layers", total=2 * layers * turns * len(numbers))
        found = measure_page(root, layers=layers, viewers=numbers, turns=turns, progress=_shown(bar, task))
    out.print(_told_page(found))
    phases = [phase for pairs in found.pairs().values() for _, phase in pairs]
    rss, sent = max(p.page_rss_bytes for p in phases), sum(p.audience.received_bytes for p in phases)
    out.print(f"memory of the page: at most {rss / 1e6:.0f} MB; sent to viewers: {sent / 1e6:.1f} MB", highlight=False)


def _told_page(found: PageCosts) -> Table:
    from monitor.bench.page import percentile95

    table = Table(
        "viewers", "commit", "layer to commit", "acquisition", "products to push, 95 %", "page, nobody", "refused"
    )
    for number, pairs in found.pairs().items():
        alone, watched = zip(*pairs, strict=True)
        commit, latency = ([of(phases) for phases in (watched, alone)] for of in (_commit_s, found.latency))
        core = [sum(phase.acquire_core_s for phase in phases) for phases in (watched, alone)]
        page = [sum(phase.page_core_s for phase in phases) for phases in (watched, alone)]
        pushes = found.pushes_s(watched) or [float("nan")]
        table.add_row(
            str(number),
            f"{1e3 * commit[0]:.0f} ms ({commit[0] / commit[1]:.2f})",
            f"{1e3 * latency[0]:.0f} ms ({latency[0] / latency[1]:.2f})",
            f"{core[0]:.2f} core-s ({core[0] / core[1]:.2f})",
            f"{1e3 * median(pushes):.0f} ms, {1e3 * percentile95(pushes):.0f} ms",
            f"{page[0]:.2f}, {page[1]:.2f} core-s",
            str(sum(sum(phase.audience.failures.values()) for phase in watched)),
        )
    return table


def _commit_s(phases: Sequence[Phase]) -> float:
    """Median commit over all layers of these phases."""
    return median(layer.commit_s for phase in phases for layer in phase.layers)


@app.command()
def pixels(
    browser: Annotated[Path, typer.Option(help="A Chromium; it is driven by playwright.")] = Path("/usr/bin/chromium"),
    triangles: Annotated[int, typer.Option(help="Of the part volume at the start.", min=1)] = 200_000,
    layers: Annotated[int, typer.Option(help="Layers that are measured.", min=2)] = 20,
    folder: FolderOption = None,
) -> None:
    """Time a real browser from the commit of a layer's products (1920 × 1080 pictures) to what it shows of them."""
    from monitor.bench.pixels import measure_pixels

    with told(), progress_bar() as bar, scratch(folder) as root:
        task = bar.add_task("layers", total=layers)
        found = measure_pixels(root, browser, triangles=triangles, layers=layers, progress=_shown(bar, task))
    out.print(_told_pixels(found))
    cores = [f"{1e3 * median(spent):.0f} ms" for spent in (found.page_core_s, found.browser_core_s)]
    out.print(
        f"{found.triangles[0]} to {found.triangles[1]} triangles, pictures of 1920 × 1080 pixels, {layers} layers; "
        f"core time a layer: {cores[0]} of the page's process, {cores[1]} of the browser",
        highlight=False,
        soft_wrap=True,
    )


def _told_pixels(found: PixelCosts) -> Table:
    from monitor.bench.page import percentile95

    table = Table("from the products' commit to", "median", "95 %", "most")
    for what, taken in (
        ("the page hears of it", found.pushed_s),
        ("pictures on the screen", found.pictures_s),
        ("grown part volume on the screen", found.volume_s),
    ):
        table.add_row(what, *(f"{1e3 * value:.0f} ms" for value in (median(taken), percentile95(taken), max(taken))))
    return table


@app.command()
def faults(
    kills: Annotated[int, typer.Option(help="Kills of the writer (SIGKILL).", min=0)] = 300,
    cuts: Annotated[int, typer.Option(help="Cuts of the power of a disk on a loop device; needs root.", min=0)] = 300,
    seed: Annotated[int, typer.Option(help="Draws the moments.")] = 0,
    folder: FolderOption = None,
) -> None:
    """Kill the store's writer and cut its disk's power at random moments; count what was lost and torn."""
    from monitor.bench.faults import cut_campaign, kill_campaign

    found: dict[str, Counts] = {}
    with told(), progress_bar() as bar:
        for name, campaign, number in (("kills", kill_campaign, kills), ("cuts", cut_campaign, cuts)):
            if number == 0:
                continue
            task = bar.add_task(name, total=number)
            with scratch(folder) as root:
                found[name] = campaign(root, number, seed=seed, progress=_shown(bar, task))
    out.print(_told_faults(found))
    for problem in [problem for counts in found.values() for problem in counts.faults]:
        err.print(f"[red]✗[/] {escape(problem)}", highlight=False, soft_wrap=True)
    if any(counts.faults for counts in found.values()):
        raise typer.Exit(1)


@app.command()
def signals(
    layer_s: Annotated[float, typer.Option(help="Seconds of signal in a layer.", min=1.0)] = 30.0,
    pairs: Annotated[int, typer.Option(help="Layers with a signal, and as many without.", min=1)] = 5,
    folder: FolderOption = None,
) -> None:
    """Record and commit layers with and without their trigger signal, by turns."""
    from monitor.bench.signals import measure_signals

    found = []
    with told(), progress_bar() as bar:
        for channels, rate_hz in ((4, 100e3), (12, 100e3)):
            task = bar.add_task(f"{channels} × {rate_hz / 1e3:g} kS/s", total=pairs)
            with scratch(folder) as root:
                shown = _shown(bar, task)
                found.append(measure_signals(root, channels, rate_hz, layer_s=layer_s, pairs=pairs, progress=shown))
    out.print(_told_signals(found))


@app.command()
def device(
    config: ConfigOption = None,
    seconds: Annotated[float, typer.Option(help="For so long the trigger is heard.", min=1.0)] = 20.0,
    rate: Annotated[
        float | None, typer.Option(help="Samples per second and channel; as configured without it.")
    ] = None,
    channels: Annotated[int | None, typer.Option(help="As many channels of module cDAQ1Mod1 and on.", min=1)] = None,
    address: Annotated[str | None, typer.Option(help="HOST:PORT of an NI gRPC Device Server with an NI-9223.")] = None,
    folder: FolderOption = None,
) -> None:
    """Hear the configured trigger and record it into a scratch folder: lost samples, and the core time of each part."""
    from monitor.bench.device import measure_device, with_trigger

    with told(), progress_bar() as bar, scratch(folder) as root:
        shown = _shown(bar, bar.add_task("seconds", total=seconds))
        settings = with_trigger(settings_of(config), rate_hz=rate, channels=channels, address=address)
        found = measure_device(root, settings, seconds, shown)
    for line in found.said():
        out.print(line, highlight=False, soft_wrap=True)


@app.command()
def trigger(
    layers: Annotated[int, typer.Option(help="Layers in all, ambiguous faults apart.", min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the generated layers.", min=0)] = 0,
) -> None:
    """Count layer ends that are missed or false, over machines and faults, and measure the detector's core time."""
    from monitor.bench.trigger import campaign, core_share, disagreements

    with told(), progress_bar() as bar:
        task = bar.add_task("layers", total=None)
        found = campaign(layers, seed=seed, progress=_shown(bar, task))
    out.print(_told_trigger(found))
    compared, differing = disagreements()
    shares = [f"{100 * core_share(4, rate):.2f} % of a core at 4 × {rate / 1e3:g} kS/s" for rate in (100e3, 1e6)]
    out.print(f"layer ends at 1 kS/s and again at 100 kS/s: {compared}, differing: {differing}", highlight=False)
    out.print(f"the detector takes {', '.join(shares)} (bar 3 %, 100 %)", highlight=False)


def _told_trigger(found: dict[tuple[str, str], Tally]) -> Table:
    """One row for each fault, all machines together."""
    from monitor.bench.trigger import AMBIGUOUS

    table = Table("fault", "layers", "missed", "false", "noted as unsure", "faults", "of them told")
    for fault in dict.fromkeys(fault for _, fault in found):
        mine = [tally for (_, of), tally in found.items() if of == fault]
        sums = [sum(getattr(t, name) for t in mine) for name in ("layers", "missed", "false", "unsure")]
        told_of = [str(sum(t.faults for t in mine)), str(sum(t.told for t in mine))] if fault in AMBIGUOUS else ["", ""]
        table.add_row(f"{fault} (ambiguous)" if fault in AMBIGUOUS else fault, *map(str, sums), *told_of)
    return table


@app.command()
def segment(
    store: Annotated[Path, typer.Argument(help="Directory of recorded builds; those with reference masks are taken.")],
    bundle: Annotated[str, typer.Option(help="Segmenter bundle: its name, or its directory.")] = "promptable-small",
    build: Annotated[
        list[str] | None, typer.Option(help="Id of a build, or how it ends; say it again for more.")
    ] = None,
    powder: Annotated[
        list[Path] | None, typer.Option(help="Folder of pictures without metal.", file_okay=False)
    ] = None,
    every: Annotated[int, typer.Option(help="Take every n-th layer of a recorded build.", min=1)] = 1,
    virtual: Annotated[int, typer.Option(help="Virtual builds, of which one layer is seen by each camera.", min=0)] = 0,
    save: Annotated[Path | None, typer.Option("--out", help="Directory for the table and overlay pictures.")] = None,
    threads: Annotated[int, typer.Option(help="Threads of the model.", min=1)] = 2,
) -> None:
    """Compare a segmenter's answers, without and with prompts, and Sauvola's with the reference masks of builds."""
    from monitor.bench.segment import measure_segment, table
    from monitor.inference import find_bundle

    with told(), progress_bar() as bar:
        task = bar.add_task("layers", total=None)
        directory = Path(bundle) if Path(bundle).is_dir() else find_bundle(None, bundle)
        found = measure_segment(
            directory, store, builds=build or (), powder=powder or (), every=every, virtual=virtual, out=save,
            threads=threads, progress=_shown(bar, task),
        )  # fmt: skip
    out.print(table(found), highlight=False, soft_wrap=True, markup=False)


@app.command()
def soak(
    layers: Annotated[int, typer.Option(help="Layers of the virtual build.", min=20)] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of the virtual build.")] = 0,
    folder: FolderOption = None,
) -> None:
    """Acquire a long virtual build with small frames as fast as it goes; count layers, and see whether anything grows.

    Memory holds the virtual printer's textures as well; how much they take is told apart.
    """
    from monitor.bench.soak import soak as soaked

    with told(), progress_bar() as bar, scratch(folder) as root:
        found = soaked(root, layers, seed=seed, progress=_shown(bar, bar.add_task("layers", total=layers)))
    out.print(_told_soak(found))
    out.print(
        f"{found.expected} layers expected, {found.committed} committed, {found.gaps} frames missing, "
        f"{found.unsigned} without a signal, {len(found.problems)} digests wrong, {found.warnings} warnings, "
        f"{found.wall_s:.0f} s; {found.printer_bytes / 1e6:.0f} MB of the memory are the virtual printer's",
        highlight=False,
        soft_wrap=True,
    )
    for fault in found.faults:
        err.print(f"[red]✗[/] {escape(fault)}", highlight=False, soft_wrap=True)
    if found.faults:
        raise typer.Exit(1)


def _told_soak(found: Soaked) -> Table:
    table = Table("layers", "commit", "core time a layer", "memory", "open files", "threads")
    for s in found.stages:
        table.add_row(
            f"{s.first}–{s.last}",
            f"{1e3 * s.commit_s:.1f} ms",
            f"{1e3 * s.core_s:.0f} ms",
            f"{s.rss_bytes / 1e6:.1f} MB",
            str(s.files),
            str(s.threads),
        )
    return table


def _told_signals(found: list[SignalCosts]) -> Table:
    table = Table("signal", "commit with", "without", "ratio", "recording", "signal", "packed", "frames")
    for c in found:
        table.add_row(
            f"{c.channels} × {c.rate_hz / 1e3:g} kS/s, {c.layer_s:g} s",
            f"{1e3 * median(c.with_s):.0f} ms",
            f"{1e3 * median(c.without_s):.0f} ms",
            f"{c.commit_ratio:.2f}",
            f"{100 * c.core_share:.1f} % of a core",
            f"{median(c.signal_bytes) / 1e6:.1f} MB",
            f"{c.packed:.2f}×",
            f"{c.frame_bytes / 1e6:.1f} MB",
        )
    return table


def _shown(bar: Progress, task: TaskID) -> Callable[[int], None]:
    return lambda done: bar.update(task, completed=done)


def _told_faults(found: dict[str, Counts]) -> Table:
    table = Table("campaign", "done", "commits acknowledged", "lost", "reads compared", "torn reads", "stuck starts")
    for name, c in found.items():
        numbers = (c.strikes, c.acknowledged, len(c.lost), c.reads, len(c.torn), len(c.stuck))
        table.add_row(name, *map(str, numbers))
    return table
