"""Looking at the file of a metric without running it: what can be told of it before, with the line."""

import ast

LARGEST_SOURCE = 200_000
CALL = "def score(solution, submission):"


class SourceError(Exception):
    """The file cannot be a metric; the message tells its author why, with the line."""


def read_source(content: bytes) -> str:
    """The text of a metric's file. Raises SourceError."""
    if len(content) > LARGEST_SOURCE:
        raise SourceError(f"the file has {len(content):,} bytes, and at most {LARGEST_SOURCE:,} are accepted")
    try:
        source = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise SourceError(f"line {line}: the file must be UTF-8, byte {error.start + 1:,} is not") from None
    if "\0" in source:
        line = source[: source.index("\0")].count("\n") + 1
        raise SourceError(f"line {line}: there is a zero byte, which no Python file has")
    if not source.strip():
        raise SourceError("the file is empty")
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    _check(_parsed(source))
    return source


def _parsed(source: str) -> ast.Module:
    try:
        module = ast.parse(source)
        compile(module, "metric.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        shown = (error.text or "").strip()[:200]
        raise SourceError(
            f"line {error.lineno or 1}: {error.msg}" + (f" in `{shown}`" if shown else "")
        ) from None
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        raise SourceError(f"Python cannot compile the file: {error or type(error).__name__}") from None
    return module


def _check(module: ast.Module) -> None:
    """`score` must be defined, as a function that can be called with two tables."""
    defined = [each for each in module.body if _name(each) == "score"]
    if not defined:
        nested = [each for each in ast.walk(module) if _name(each) == "score"]
        where = f"; the one in line {nested[0].lineno} is not at the top level" if nested else ""  # type: ignore[attr-defined]
        raise SourceError(f"the file defines no function `score`: write `{CALL}`{where}")
    function = defined[-1]
    if not isinstance(function, ast.FunctionDef):
        kind = "asynchronous" if isinstance(function, ast.AsyncFunctionDef) else "a class"
        raise SourceError(f"line {function.lineno}: `score` is {kind}: write `{CALL}`")
    if any(isinstance(each, ast.Yield | ast.YieldFrom) for each in _own_statements(function)):
        raise SourceError(f"line {function.lineno}: `score` is a generator: it must return its result")
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    named = [
        each.arg
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if not default
    ]
    if required > 2 or (len(positional) < 2 and not arguments.vararg) or named:
        raise SourceError(
            f"line {function.lineno}: `score` must take two arguments, the tables of the solution and of the"
            f" submission: write `{CALL}`"
        )


def _name(statement: ast.AST) -> str | None:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return statement.name if isinstance(statement, kinds) else None


def _own_statements(function: ast.FunctionDef) -> list[ast.AST]:
    """What is in a function, and not in a function inside it."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        each = waiting.pop()
        found.append(each)
        if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(each))
    return found
