"""The arguments of every command. Heavy imports wait until a command runs, so that help comes at once."""

import importlib.metadata
from pathlib import Path
from typing import Annotated, Literal

import typer

from gaussgrad.cli.codes import USER_ERROR
from gaussgrad.training.configuration import DEFAULT_STEPS, Configuration

HELP = "Differentiable Gaussians: train an autoencoder that draws them, predict them for images, render them."
EPILOG = "Start with: gaussgrad train -o demo"

app = typer.Typer(
    help=HELP, epilog=EPILOG, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich"
)

DEFAULTS = Configuration()
Compose = Literal["union", "sum", "max"]
Head = Literal["linear", "heatmap"]
Objective = Literal["mse", "elbo"]
Likelihood = Literal["gaussian", "bernoulli", "poisson"]
Latent = Literal["points", "points+covariance", "points+covariance+weight"]
MODEL, TRAINING, FILES = "Model", "Training", "Files"  # panels of the help
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output where it exists.")]


def run(arguments: list[str]) -> int:
    """Parse and call; the exit code."""
    try:
        code = app(arguments, prog_name="gaussgrad", standalone_mode=False)
    except typer.TyperException as error:
        typer.echo(f"gaussgrad: {' '.join(error.format_message().split())}", err=True)
        return USER_ERROR
    return code if isinstance(code, int) else 0


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gaussgrad {importlib.metadata.version('gaussgrad')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(no_args_is_help=False)
def train(
    context: typer.Context,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="RUN", rich_help_panel=FILES, help="The folder of the run.")
    ],
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            show_default=False,
            help="A folder of PNG, JPEG or TIFF images of one size, an .npy or .npz array, or an idx file (.gz too). "
            "Without it: 5,000 MNIST digits, offline.",
        ),
    ] = None,
    latent: Annotated[
        Latent,
        typer.Option(
            metavar="KIND",
            rich_help_panel=MODEL,
            help="What tells an image: points (rows of x, y), points+covariance (x, y, xx, xy, yy), or "
            "points+covariance+weight.",
        ),
    ] = DEFAULTS.latent,  # type: ignore[assignment]
    n: Annotated[
        int, typer.Option("-n", metavar="N", min=1, rich_help_panel=MODEL, help="Gaussians per image.")
    ] = DEFAULTS.n,
    stddev: Annotated[
        float | None,
        typer.Option(
            metavar="PIXELS",
            min=0.1,
            rich_help_panel=MODEL,
            show_default="shorter side / 14, points / 20",
            help="Width of points; first width of the others.",
        ),
    ] = None,
    compose: Annotated[
        Compose,
        typer.Option(metavar="HOW", rich_help_panel=MODEL, help="How Gaussians overlap: union, sum or max."),
    ] = DEFAULTS.compose,  # type: ignore[assignment]
    head: Annotated[
        Head,
        typer.Option(
            metavar="KIND",
            rich_help_panel=MODEL,
            help="How Gaussians are read off the encoder: linear, or heatmap (each the mean place of one).",
        ),
    ] = DEFAULTS.head,  # type: ignore[assignment]
    looks: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, rich_help_panel=MODEL, help="How often Gaussians are corrected from what they draw."
        ),
    ] = DEFAULTS.looks,
    presence_cost: Annotated[
        float,
        typer.Option(
            metavar="ERROR",
            min=0.0,
            rich_help_panel=MODEL,
            show_default="0, all are used",
            help="Above 0, images may leave Gaussians out: the mean squared error that one more is worth, say 0.0003.",
        ),
    ] = DEFAULTS.presence_cost,
    objective: Annotated[
        Objective,
        typer.Option(
            metavar="WHAT",
            rich_help_panel=TRAINING,
            help="What is made better: mse, the squared error, or elbo, the evidence lower bound: positions then have "
            "an uncertainty, and gaussgrad sample draws new images.",
        ),
    ] = DEFAULTS.objective,  # type: ignore[assignment]
    likelihood: Annotated[
        Likelihood,
        typer.Option(
            metavar="NAME",
            rich_help_panel=TRAINING,
            help="For elbo: gaussian (grey values, noise learned), bernoulli (black and white), or poisson (counts).",
        ),
    ] = DEFAULTS.likelihood,  # type: ignore[assignment]
    beta: Annotated[
        float,
        typer.Option(metavar="FACTOR", min=0.0, rich_help_panel=TRAINING, help="For elbo: factor of the divergence."),
    ] = DEFAULTS.beta,
    epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            rich_help_panel=TRAINING,
            show_default=f"about {DEFAULT_STEPS:,} steps",
            help="How long to train, repeatably.",
        ),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            metavar="MINUTES",
            min=0.01,
            rich_help_panel=TRAINING,
            show_default=False,
            help="How long to train at most, instead of --epochs; a few steps are timed to plan the epochs.",
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(metavar="N", min=2, rich_help_panel=TRAINING, help="Images per step.")
    ] = DEFAULTS.batch_size,
    learning_rate: Annotated[
        float, typer.Option(metavar="RATE", min=1e-8, rich_help_panel=TRAINING, help="The highest of the schedule.")
    ] = DEFAULTS.learning_rate,
    augment: Annotated[
        bool,
        typer.Option(
            "--augment/--no-augment",
            rich_help_panel=TRAINING,
            help="Move, turn, stretch and shear the training images a little.",
        ),
    ] = DEFAULTS.augment,
    held_out: Annotated[
        float,
        typer.Option(
            metavar="SHARE",
            min=0.001,
            max=0.9,
            rich_help_panel=TRAINING,
            help="Share of the images held out, the same ones for every seed.",
        ),
    ] = DEFAULTS.held_out,
    seed: Annotated[
        int,
        typer.Option(metavar="N", min=0, rich_help_panel=TRAINING, help="The same seed gives the same figures."),
    ] = DEFAULTS.seed,
    device: Annotated[
        Literal["cpu", "cuda"], typer.Option(metavar="DEVICE", rich_help_panel=TRAINING, help="cpu or cuda.")
    ] = DEFAULTS.device,  # type: ignore[assignment]
    devices: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            rich_help_panel=TRAINING,
            help="GPUs, or processes on the CPU, that share each batch; torchrun says it by itself.",
        ),
    ] = DEFAULTS.devices,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", rich_help_panel=TRAINING, help="Also log to RUN/tensorboard.")
    ] = DEFAULTS.tensorboard,
    resume: Annotated[
        bool, typer.Option("--resume", rich_help_panel=FILES, help="Go on with an unfinished RUN.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", rich_help_panel=FILES, help="Replace RUN where it exists.")
    ] = False,
) -> None:
    """Train an autoencoder whose decoder draws Gaussians.

    RUN then holds the model, the metrics, every setting and version, and pictures of held-out images, their
    reconstructions, and the Gaussians on top.
    """
    from gaussgrad.cli import train as command

    given = {name: value for name, value in context.params.items() if name not in command.NOT_CONFIGURED}
    if resume:
        typed = [name for name in given if "COMMANDLINE" in str(context.get_parameter_source(name))]
        code = command.resume(output, {name: given[name] for name in typed})
    else:
        code = command.start(output, given, overwrite=overwrite)
    raise typer.Exit(code)


@app.command()
def predict(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run, or a model folder.")],
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="Images of the model's size, as DATA of train.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE.csv", help="The table to write.")],
    overlay: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Also write pictures: each image, its reconstruction, its Gaussians."),
    ] = None,
    refine: Annotated[
        int,
        typer.Option(
            metavar="STEPS",
            min=0,
            help="Improve the answer of the model by so many steps on each image; ten are worth most of it.",
        ),
    ] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Write the Gaussians of images as CSV, one row per Gaussian.

    Columns: image, index, x, y, xx, xy, yy, weight (weight_red, weight_green, weight_blue for colours), in pixels.
    The table holds neither the background nor the way Gaussians overlap: render draws its rows alone, not the
    reconstruction, which --overlay shows. A run with --objective elbo also tells how uncertain each position is:
    x_stddev, y_stddev.
    """
    from gaussgrad.cli import predict as command

    command.predict(run_folder, images, output, overlay, refine=refine, overwrite=overwrite)


@app.command()
def inspect(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run, or a model folder.")],
    images: Annotated[
        Path | None,
        typer.Argument(metavar="IMAGES", show_default="the images held out", help="Images of the model's size."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.png", help="Also write a picture of the worst.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Say which Gaussians of a model are ill, and what to try.

    Dead ones draw nothing, duplicates lie on another, others have left the frame, stand on its border, or serve as a
    background.
    """
    from gaussgrad.cli import inspect as command

    command.inspect(run_folder, images, output, overwrite=overwrite)


@app.command()
def sample(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A finished run of train --objective elbo.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUT.png", help="The picture to write.")],
    n: Annotated[int, typer.Option("-n", metavar="N", min=1, max=10_000, help="How many images.")] = 64,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="The same seed draws the same images.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Draw images that were never there, as one picture.

    Their Gaussians come from where the posteriors of the training images lie together.
    """
    from gaussgrad.cli import sample as command

    command.sample(run_folder, output, n, seed, overwrite=overwrite)


@app.command()
def render(
    rows: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A CSV file with the columns x, y, xx, xy, yy and, if you like, weight (or weight_red, weight_green, "
            "weight_blue); or an .npy array (n, 5) or (n, 6) of such rows.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.png", help="A .png, or .tif or .npy for plain float values.")
    ],
    size: Annotated[tuple[int, int], typer.Option(metavar="H W", help="Height and width in pixels.")],
    image: Annotated[
        str | None, typer.Option(help="Which image to draw, for a file with an image column of several.")
    ] = None,
    amplitude: Annotated[
        Literal["peak", "density"],
        typer.Option(metavar="WHAT", help="What a weight is: the value at the mean (peak), or the integral (density)."),
    ] = "peak",
    compose: Annotated[Compose, typer.Option(metavar="HOW", help="How Gaussians overlap: sum, max or union.")] = "sum",
    tolerance: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0.0, max=0.999, help="What to leave out of each Gaussian, of its peak."),
    ] = 1e-4,
    overwrite: Overwrite = False,
) -> None:
    """Draw rows of Gaussians as an image. A PNG shows 0 as black and 1 as white."""
    from gaussgrad.cli import render as command

    options = {"size": size, "amplitude": amplitude, "compose": compose, "tolerance": tolerance}
    command.render_file(rows, output, image, options, overwrite=overwrite)
