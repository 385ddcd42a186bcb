"""`lpbf-monitor replay`: recorded builds through the same acquisition and worker as live ones."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from statistics import mean
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from monitor.cli import steering, what_if
from monitor.cli.common import ConfigOption, out, progress_bar, settings_of, stop_event, told
from monitor.cli.log import set_up_log
from monitor.config import CameraSettings, PlateSettings, Settings
from monitor.domain import CameraRole, ConfigError, LayerProduct
from monitor.store import BuildManifest, BuildReader

BuildArgument = Annotated[str, typer.Argument(help="Id of a build in the store.")]
SourceOption = Annotated[str, typer.Option(help="Camera to make products of; without one, the webcam.")]
BundlesOption = Annotated[
    list[str] | None,
    typer.Option("--bundle", help="With --as: NAME@DIGEST in place of the active one; again for more."),
]
ChangesOption = Annotated[
    list[str] | None, typer.Option("--set", help="With --as: a setting, such as segment.k=0.2; again for more.")
]
LOOK_S = 0.2


def replay(
    build: BuildArgument,
    config: ConfigOption = None,
    speed: Annotated[str, typer.Option(help="Printer seconds per real second, or 'max'.")] = "1",
    source: SourceOption = "",
    as_: Annotated[str, typer.Option("--as", help="What if: products into this set of the same build instead.")] = "",
    bundle: BundlesOption = None,
    changes: ChangesOption = None,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Make the stored products again from what they name; compare every bit.")
    ] = False,
    control: Annotated[
        str, typer.Option(help="Of a replay that runs: pause, run, step, speed=N, speed=max or goto=LAYER.")
    ] = "",
) -> None:
    """Send a recorded build through acquisition and worker again, into a new build; or what-if, or evidence."""
    with told():
        settings = settings_of(config)
        if control:
            steering.steer(settings, build, control)
            return
        if evidence or as_ or bundle or changes:
            settings = replay_settings(settings, BuildReader.open(settings.store.root, build).manifest, source)
            if evidence:
                what_if.show_evidence(settings, build)
            else:
                what_if.make(settings, build, as_, bundle or (), changes or ())
            return
        recording = BuildReader.open(settings.store.root, build)
        settings = replay_settings(settings, recording.manifest, source)
        set_up_log(settings.log.model_copy(update={"level": "warning"}), "replay")
        new, summary = run_replay(settings, recording, _speed(speed), stop_event())
    out.print(f"{build} → {new}: {summary}", highlight=False, soft_wrap=True)


def run_replay(settings: Settings, recording: BuildReader, speed: float, stop: threading.Event) -> tuple[str, str]:
    """Acquire in one thread and process in this one, with progress; returns the new build's id and what it cost.

    Raises:
        MonitorError: from either side; the other one is stopped in order.
    """
    from monitor.acquire import run_acquire
    from monitor.worker import Models, process_build

    models = Models.load(settings)
    started: list[str] = []
    with ThreadPoolExecutor(1, "acquire") as pool, progress_bar() as bar:
        acquiring = pool.submit(run_acquire, settings, stop, recording=recording, speed=speed, on_start=started.append)
        show = Shown(bar, total=len(recording.layers()))
        try:
            while not acquiring.done() and not stop.wait(LOOK_S):
                for build in started:
                    process_build(settings, models, build, stop, show)
            build = acquiring.result()
            process_build(settings, models, build, stop, show)
        finally:
            stop.set()
    return build, show.summary()


def replay_settings(settings: Settings, manifest: BuildManifest, source: str = "") -> Settings:
    """The settings under which a recorded build runs again: its cameras and plate, everything else as configured.

    Raises:
        ConfigError: `source` is not a camera of the build.
    """
    facts = manifest.cameras
    webcam = next((f.name for f in facts if f.role is CameraRole.WEBCAM), facts[0].name)
    if source and source not in {f.name for f in facts}:
        names = ", ".join(f.name for f in facts)
        raise ConfigError(f"--source {source}: build {manifest.id} has the cameras {names}", cure="name one of these")
    grid = manifest.grid
    cameras = tuple(
        CameraSettings(name=f.name, role=f.role, device="recorded", shape=(f.shape[0], f.shape[1])) for f in facts
    )
    return settings.model_copy(
        update={
            "plate": PlateSettings(origin_mm=grid.origin_mm, um_per_px=grid.um_per_px, shape=grid.shape),
            "trigger": settings.trigger.model_copy(update={"device": "recorded"}),
            "cameras": cameras,
            "worker": settings.worker.model_copy(update={"source": source or webcam}),
        }
    )


def _speed(text: str) -> float:
    """0 means as fast as possible."""
    if text == "max":
        return 0.0
    try:
        speed = float(text)
    except ValueError:
        speed = -1.0
    if speed <= 0:
        raise ConfigError(f"--speed {text}: not a speed", cure="give a number above zero, or max")
    return speed


class Shown:
    """Shows each processed layer on a bar, and at the end what a layer cost and how near it is to its reference."""

    def __init__(self, bar: Progress, total: int | None) -> None:
        self.layers = 0
        self._bar = bar
        self._task: TaskID = bar.add_task("layers", total=total)
        self._seconds: Counter[str] = Counter()
        self._iou: list[float] = []

    def __call__(self, product: LayerProduct) -> None:
        """Count one layer."""
        self.layers += 1
        self._seconds.update(product.timings_s)
        self._iou += [measure.value for measure in product.measures if measure.name == "iou"]
        self._bar.advance(self._task)

    def summary(self) -> str:
        """Mean seconds per layer and stage, and mean IoU of the layers that have a reference mask."""
        words = [f"{self.layers} layers processed"]
        if self._seconds:
            stages = ", ".join(f"{stage} {seconds / self.layers:.2f}" for stage, seconds in self._seconds.items())
            words.append(f"seconds per layer: {stages}")
        if self._iou:
            words.append(f"mean IoU {mean(self._iou):.3f} of {len(self._iou)} layers with a reference mask")
        return "; ".join(words)
