"""The help screens of the programs, in the reader's language: `typer` only knows English headings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from keys.words import Words, language_of_environment

__all__ = ["HelpfulApp"]

_WORDS = Words("keys")
_WIDEST = 100


def _word(key: str) -> str:
    return _WORDS(f"help.{key}", language_of_environment())


class _Command(TyperCommand):
    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer keeps these types private
        _write_help(self, ctx, formatter)


class _Group(TyperGroup):
    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer keeps these types private
        _write_help(self, ctx, formatter)
        commands = [(name, self.commands[name].help or "") for name in self.list_commands(ctx)]
        with formatter.section(_word("commands")):
            formatter.write_dl(commands)


class HelpfulApp(typer.Typer):
    """A `typer` application without markup, colours, completion or stack traces, whose help is in two languages."""

    def __init__(self, *, help: str) -> None:  # noqa: A002 - the name that typer gives it
        super().__init__(
            cls=_Group,
            help=help,
            add_completion=False,
            no_args_is_help=True,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            context_settings={"max_content_width": _WIDEST},
        )

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - typer's own
        """As `typer.Typer.command`, with our help screen."""
        return super().command(name, **{"cls": _Command, **settings})

    def callback(self, **settings: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - typer's own
        """As `typer.Typer.callback`, with our help screen."""
        return super().callback(**{"cls": _Group, **settings})


def _write_help(command: TyperCommand | TyperGroup, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - as above
    parameters: list[Any] = command.get_params(ctx)
    arguments = [each for each in parameters if each.param_type_name == "argument"]
    options = [each for each in parameters if each.param_type_name == "option" and not each.hidden]
    pieces = [_word("options-here"), *(_argument(each) for each in arguments)]
    if isinstance(command, TyperGroup):
        pieces.append(_word("command-here"))
    formatter.write_usage(ctx.command_path, " ".join(pieces), prefix=f"{_word('usage')} ")
    formatter.write_paragraph()
    with formatter.indentation():
        formatter.write_text(command.help or "")
    if arguments:
        with formatter.section(_word("arguments")):
            formatter.write_dl([(each.metavar or each.name, _described(each)) for each in arguments])
    with formatter.section(_word("options")):
        formatter.write_dl([(_option(each), _described(each)) for each in options])


def _argument(argument: Any) -> str:  # noqa: ANN401 - as above
    shown = f"{argument.metavar or argument.name}{'' if argument.nargs == 1 else '…'}"
    return shown if argument.required else f"[{shown}]"


def _option(option: Any) -> str:  # noqa: ANN401 - as above
    names = ", ".join([*option.opts, *option.secondary_opts])
    return names if option.is_flag else f"{names} {option.metavar or option.name.upper()}"


def _described(parameter: Any) -> str:  # noqa: ANN401 - as above
    if parameter.name == "help":
        return _word("this")
    text = parameter.help or ""
    if parameter.required and parameter.param_type_name == "option":
        return f"{text} [{_word('required')}]"
    if parameter.show_default and isinstance(parameter.default, str | int) and not parameter.is_flag:
        return f"{text} [{_word('default')} {parameter.default}]"
    return text
