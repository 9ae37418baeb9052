"""What a run folder shows a person: tables, figures, a mesh file, one HTML page."""

from pathlib import Path

from pdenet.report.figures import write_figures
from pdenet.report.mesh_file import write_solution_file
from pdenet.report.metrics_file import write_metrics
from pdenet.report.page import write_page
from pdenet.report.tables import markdown_table, plain_text, problem_panel, summary_table
from pdenet.solution import Solution


def write_report(solution: Solution, folder: Path) -> list[Path]:
    """Writes everything a person looks at: metrics, the solution's file, figures, the page.

    Args:
        solution: The solution with its record.
        folder: The run's folder, which exists.

    Returns:
        The files.
    """
    folder = Path(folder)
    return [
        write_metrics(solution.record, folder / "metrics.csv"),
        write_solution_file(solution, folder / "solution"),
        *write_figures(solution, folder),
        write_page(solution, folder),
    ]


__all__ = [
    "markdown_table",
    "plain_text",
    "problem_panel",
    "summary_table",
    "write_figures",
    "write_metrics",
    "write_page",
    "write_report",
    "write_solution_file",
]
