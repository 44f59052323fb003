"""``completion``: the script that completes verbs and options in a shell."""

import click
from click.shell_completion import get_completion_class

from rangebar_polars._cli.verb import Verb

SHELLS = ("bash", "zsh", "fish")


@click.command(cls=Verb)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    r"""Print the completion script of a shell.

    \b
    eval "$(rangebar-polars completion bash)"    in ~/.bashrc
    eval "$(rangebar-polars completion zsh)"     in ~/.zshrc
    rangebar-polars completion fish | source     in ~/.config/fish/config.fish
    """
    name = "rangebar-polars"
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"there is no completion for {shell}")
    script = made(ctx.find_root().command, {}, name, "_RANGEBAR_POLARS_COMPLETE")
    click.echo(script.source())
