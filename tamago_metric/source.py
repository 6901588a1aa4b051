"""Looking at the text of a metric without running it, in a process of its own.

Python's compiler can be made to take any amount of time and memory by a short file: each `finally` is written
out twice, and so are those inside it. Whoever asks is the site, which has people to answer, so a process with
limits compiles. It reads the text from stdin, and answers in one line of JSON: what is wrong, or "".
"""

import ast
import json
import resource
import sys
import warnings
from contextlib import suppress

SECONDS = 10
MEMORY = 1024**3
CALL = "def score(solution, submission):"


def problem_of(source: str) -> str:
    """Why the text cannot be a metric, with the line; "" where it can."""
    try:
        module = ast.parse(source)
        compile(module, "metric.py", "exec", dont_inherit=True)
    except SyntaxError as error:
        shown = (error.text or "").strip()[:200]
        return f"line {error.lineno or 1}: {error.msg}" + (f" in `{shown}`" if shown else "")
    except MemoryError:  # of the parser too, whose stack is limited
        return "Python cannot compile the file: it is nested too deeply, or too large"
    except (ValueError, RecursionError, OverflowError) as error:
        return f"Python cannot compile the file: {error or type(error).__name__}"
    return _problem_of_score(module)


def _problem_of_score(module: ast.Module) -> str:
    """`score` must be defined, as a function that can be called with two tables."""
    defined = [each for each in module.body if _name(each) == "score"]
    if not defined:
        nested = [each for each in ast.walk(module) if _name(each) == "score"]
        where = f"; the one in line {nested[0].lineno} is not at the top level" if nested else ""  # type: ignore[attr-defined]
        return f"the file defines no function `score`: write `{CALL}`{where}"
    function = defined[-1]
    if not isinstance(function, ast.FunctionDef):
        kind = "asynchronous" if isinstance(function, ast.AsyncFunctionDef) else "a class"
        return f"line {function.lineno}: `score` is {kind}: write `{CALL}`"
    if any(isinstance(each, ast.Yield | ast.YieldFrom) for each in _own_statements(function)):
        return f"line {function.lineno}: `score` is a generator: it must return its result"
    arguments = function.args
    positional = [*arguments.posonlyargs, *arguments.args]
    required = len(positional) - len(arguments.defaults)
    named = [
        each.arg
        for each, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if not default
    ]
    if required > 2 or (len(positional) < 2 and not arguments.vararg) or named:
        return (
            f"line {function.lineno}: `score` must take two arguments, the tables of the solution and of the"
            f" submission: write `{CALL}`"
        )
    return ""


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


def main() -> None:
    for kind, most in (
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(OSError, ValueError):  # a lower one is set, or this system does not know it
            resource.setrlimit(kind, (most, most))
    warnings.simplefilter("ignore")  # they are the author's affair, and the test run shows them
    json.dump(problem_of(sys.stdin.buffer.read().decode()), sys.stdout)
