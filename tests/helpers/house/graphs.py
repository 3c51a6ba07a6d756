"""Who imports whom: modules, folders, and the circles among them."""

from __future__ import annotations

from collections.abc import Mapping, Set

from house.reading import House


def folder_graph(house: House) -> dict[str, set[str]]:
    """Folder -> the other folders that its files import from; a package's face counts for none."""
    graph: dict[str, set[str]] = {module.folder: set() for module in house}
    for module in house:
        if not module.is_face:
            others = (house.modules[name] for name in house.imports[module.name])
            graph[module.folder] |= {other.folder for other in others if not other.is_face} - {module.folder}
    return graph


def circles(graph: Mapping[str, Set[str]]) -> list[str]:
    """The largest groups in which each reaches every other, one line each (Tarjan's strong components)."""
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    waiting: list[str] = []
    found = []

    def visit(node: str) -> None:
        number[node] = lowest[node] = len(number)
        waiting.append(node)
        for other in sorted(graph[node]):
            if other not in number:
                visit(other)
            if other in waiting:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == number[node]:
            start = waiting.index(node)
            if len(waiting) - start > 1:
                found.append(" <-> ".join(sorted(waiting[start:])))
            del waiting[start:]

    for node in graph:
        if node not in number:
            visit(node)
    return sorted(found)


def full_folders(house: House, most: int = 12) -> list[str]:
    """Folders with more files than that, ``__init__`` apart."""
    files: dict[str, int] = {}
    for module in house:
        files[module.folder] = files.get(module.folder, 0) + (not module.is_package)
    return sorted(f"{folder}: {number} files" for folder, number in files.items() if number > most)
