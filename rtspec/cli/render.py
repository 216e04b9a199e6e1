"""``rtspec render IN... OUT``."""

import argparse
import sys
from collections.abc import Iterator
from typing import Any

from ..batch.plan import Job, Plan, is_batch, make_plan
from ..batch.recipe import Recipe
from ..batch.records import Record, Report
from ..console import emit, is_watched, progress
from ..ending import Terminated
from ..errors import InvalidValue, RtspecError
from ..options import integer, share
from .chain import DEFAULT, add_chain_arguments, make_chain
from .pipes import PIPE, piped
from .render_words import BIT_DEPTH, check_words

EXAMPLE = "rtspec render recordings/ out/ --processor inversion --set bands=mel --picture"
INTERRUPTED = 130
FORMATS = ("wav", "flac", "ogg", "mp3")
BIT_DEPTHS = ("16", "24", "32f")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to read, where to write, and the chain."""
    parser.add_argument(
        "source",
        metavar="IN",
        nargs="+",
        help="sound or .mid files, folders, patterns in quotes, a sensor's levels (.csv, .jsonl, .npy), URLs of these"
        " (s3://, gs://), @list.txt with one a line, or - for stdin",
    )
    parser.add_argument(
        "target", metavar="OUT", help="a file whose name tells the format, a folder, a URL, or - for stdout"
    )
    add_chain_arguments(parser)
    parser.add_argument(
        "--automation", metavar="FILE", help="what changes when: .csv or .json of time_s, name, value; or a .mid file"
    )
    parser.add_argument(
        "--sensor", metavar="FILE", help="what a microphone heard meanwhile, for scene-eq: room.wav beside song.wav"
    )
    parser.add_argument("--sweep", metavar="NAME", help="take a parameter through its range and back: --sweep z1")
    parser.add_argument("--map", metavar="FILE", help="what the controllers of a .mid automation move")
    parser.add_argument(
        "--jobs", type=integer(1, 256), default=1, metavar="N", help="files at a time, each in its own process"
    )
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="of a dask scheduler whose workers render: tcp://HOST:PORT"
    )
    parser.add_argument(
        "--shard", type=share, default=(1, 1), metavar="K/N", help="the K-th of N shares of all files, on any machine"
    )
    parser.add_argument("--resume", action="store_true", help="leave out what is done already, newer than its source")
    parser.add_argument("--format", choices=FORMATS, help="what files in a folder become (default: their own format)")
    parser.add_argument("--bit-depth", choices=BIT_DEPTHS, help="of WAV and FLAC (default 24); 32f for WAV alone")
    parser.add_argument("--salvage", action="store_true", help="read what is there of truncated or damaged files")
    parser.add_argument(
        "--picture", action="store_true", help="draw input and output spectrograms beside each output, as PNG"
    )
    parser.description = f"{parser.description} {_STATUS}"


_STATUS = (
    "Exit status 1 where a file failed or is not what was asked for: more than 1 in 1000 runs of its model failed or"
    " gave NaN, or a plugin refused a block. Clipped samples, silent channels and skipped files are told; it stays 0."
)


def run(args: argparse.Namespace) -> int:
    """Render all files; those that fail are named at the end, the others stay."""
    check_words(args)
    if PIPE in (*args.source, args.target):
        with piped(args.source, args.target) as (sources, target, shown):
            report = Report()
            report.done.append(_alone(args, make_plan(sources, target).jobs[0]))
            report.done[0].input, report.done[0].output = map(shown, (report.done[0].input, report.done[0].output))
            return _tell(args, report, 1)
    if is_batch(args.source):
        return _batch(args)
    if args.cluster is not None:
        raise InvalidValue(f"--cluster shares out many files, and {args.source[0]} is one; leave it out")
    plan = make_plan(args.source, args.target, args.format, args.resume, shard=args.shard)
    report = Report(resumed=plan.resumed)
    for job in plan.jobs:
        if args.format and job.target.suffix != f".{args.format}":
            raise InvalidValue(f"--format {args.format} is at odds with {args.target}; leave one of them out")
        report.done.append(_alone(args, job))
    return _tell(args, report, 1)


def _folders_hold(args: argparse.Namespace) -> dict[str, bool]:
    """What folders are searched for beside sound: what something in the chain plays."""
    from ..processors.catalogue import entry_of

    names = [name.partition(":")[0] for name, _ in args.chain or [(DEFAULT, {})]]
    return {"scores": any(entry_of(name).is_instrument for name in names), "levels": "inversion" in names}


def _batch(args: argparse.Namespace) -> int:
    """Many files in processes of their own."""
    recipe = _recipe(args)
    with _runner(args, recipe) as runner:
        from ..batch.ledger import Ledger, fingerprint  # while the workers start
        from ..batch.resuming import leave_out_done, tidy_targets

        plan = make_plan(args.source, args.target, args.format, shard=args.shard, **_folders_hold(args))
        with Ledger(args.target, fingerprint(recipe), args.shard) as ledger:
            planned = plan.jobs
            if args.resume or ledger.interrupted:
                leave_out_done(plan, ledger, everything=args.resume)
            n_files = len(plan.jobs) + len(plan.failed)
            report = Report(failed=plan.failed, skipped=plan.skipped, resumed=plan.resumed, unnoted=plan.unnoted)
            ledger.begin()
            status = _together(plan, report, runner, args.json, ledger)
            if status is None:
                ledger.end(keep=args.resume)
        tidy_targets(planned)
    if n_files == 1 and report.failed and not args.json:
        raise RtspecError(report.failed[0]["error"])
    return _tell(args, report, n_files, status)


def _runner(args: argparse.Namespace, recipe: Recipe):
    """Who renders: processes of this machine, or those of a cluster."""
    from ..batch.cluster import runner_of

    return runner_of(recipe.as_dict(), args.jobs, args.cluster, is_watched(args.json))


def _alone(args: argparse.Namespace, job: Job) -> Record:
    """One file in this process."""
    from ..batch.rendering import Renderer

    chain = make_chain(args)
    renderer = Renderer(_recipe(args), chain)
    with progress(args.json) as bar:
        task = bar.add_task(job.source.name, total=None)
        return renderer.render(job.source, job.target, lambda n, total: bar.update(task, completed=n, total=total))


def _together(plan: Plan, report: Report, runner, quiet: bool, ledger) -> int | None:
    """Have the runner do what is planned; the exit status where that was interrupted."""
    found: dict[int, Record] = {}
    failed: dict[int, str] = {}
    status = None
    try:
        with progress(quiet) as bar:
            _follow(_noted(runner.events(plan.jobs), plan.jobs, ledger), plan.jobs, bar, found, failed)
    except (KeyboardInterrupt, Terminated) as end:
        status = INTERRUPTED if isinstance(end, KeyboardInterrupt) else int(end.code or 1)
    report.done += [found[i] for i in sorted(found)]
    report.failed += [{"file": str(plan.jobs[i].source), "error": failed[i]} for i in sorted(failed)]
    report.left += [str(job.source) for i, job in enumerate(plan.jobs) if i not in found and i not in failed]
    return status


def _noted(events, jobs: list[Job], ledger) -> Iterator[tuple[str, int, Any]]:
    """The events; what became of a file is in the ledger before anybody hears of it."""
    for kind, i, what in events:
        if kind in ("record", "error"):
            ledger.note(jobs[i], Record(**what) if kind == "record" else what)
        yield kind, i, what


def _follow(events, jobs: list[Job], bar, found: dict[int, Record], failed: dict[int, str]) -> None:
    whole = bar.add_task(f"{len(jobs)} files", total=len(jobs))
    tasks: dict[int, Any] = {}
    for kind, i, what in events:
        if kind == "begun":
            tasks[i] = bar.add_task(f"{i + 1}/{len(jobs)} {jobs[i].source.name}", total=None)
        elif kind == "advance":
            bar.update(tasks[i], completed=what[0], total=what[1])
        else:
            bar.remove_task(tasks.pop(i))
            bar.advance(whole)
            if kind == "record":
                found[i] = Record(**what)
            else:
                failed[i] = what


def _recipe(args: argparse.Namespace) -> Recipe:
    return Recipe(
        chain=args.chain or [(DEFAULT, {})],
        automation=args.automation,
        midi_map=args.map,
        sweep=args.sweep,
        bit_depth=args.bit_depth or BIT_DEPTH,
        salvage=args.salvage,
        picture=args.picture,
        sensor=args.sensor,
        modulate=args.modulate,
    )


def _tell(args: argparse.Namespace, report: Report, n_files: int, interrupted: int | None = None) -> int:
    """The report on stdout (on stderr where the sound goes there), what is not as it should be on stderr; the exit
    status."""
    said = [*(failure["error"] for failure in report.failed), *report.problems()]
    if report.failed:
        said.append(f"{len(report.failed)} of {n_files} files failed; the others are done")
    if interrupted is not None:
        done, left = len(report.done) + len(report.resumed), len(report.left)
        said.append(f"interrupted: {done} files are done, {left} are left; --resume goes on from there")
    status = report.status if interrupted is None else interrupted
    kind = "Failed" if interrupted is None else "Interrupted"
    error = {"error": {"kind": kind, "message": said[-1], "status": status}} if status else {}
    lines = [record.line() for record in report.done]
    if report.resumed:
        lines.append(f"{len(report.resumed)} files were done before and stay as they are{_doubt(report)}")
    emit(args, {**report.as_dict(), **error}, "\n".join(lines), sys.stderr if args.target == PIPE else sys.stdout)
    for line in said:
        print("rtspec:", line, file=sys.stderr)
    return status


def _doubt(report: Report) -> str:
    unnoted = f"; of {report.unnoted} nobody noted by which chain: they are newer than their sources"
    return unnoted if report.unnoted else ""
