from superionic.cli.task_progress import LINE_EVERY_S, TaskProgress


def test_lines_name_tasks_results_and_slow_activities(capsys, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    with TaskProgress(2) as progress:
        show = progress.of("x=0")
        show("charge patterns", 0.1)
        clock[0] += LINE_EVERY_S
        show("charge patterns", 0.5)
        progress.finished("x=0", "10 orderings")
        progress.finished("x=1", "20 orderings")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "[1/2] x=0: charge patterns, 50%",
        "[1/2] x=0: 10 orderings",
        "[2/2] x=1: 20 orderings",
    ]


def test_a_single_quick_task_needs_no_line(capsys):
    with TaskProgress(1) as progress:
        progress.of("x=0")("charge patterns", 0.5)
        progress.finished("x=0", "10 orderings")
    assert capsys.readouterr().err == ""


def test_a_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with TaskProgress(2) as progress:
        progress.of("x=0")("charge patterns", 0.5)
        progress.finished("x=0", "10 orderings")
        progress.of("x=1")("charge patterns", 0.25)
        assert progress._bar.tasks[0].completed == 1.25
