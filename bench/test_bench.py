"""How figures are compared, merged and written down; and that docs/performance.md holds those of bench/results.csv."""
import os
import pathlib
import tempfile
import types
import unittest
import unittest.mock
import xml.etree.ElementTree

import bound
import common
import deep
import full
import iwae
import memory
import quality
import results
import run
import scaling_chart
import table
import target
import vamp
import write_docs

HERE = {"date": "2026-11-21", "cpu": "Some CPU", "cores": "2", "isa": "avx512", "highest": "avx512", "threads": "2",
        "load": "0.05", "elbo": "0.1.0", "torch": "2.13.0"}
HELD = {**HERE, "isa": "avx2"}


def rows(benchmark, figures, circumstances=HERE, case="", unit="s"):
    return results.make_rows(benchmark, case, unit, figures, circumstances)


def ratios(found):
    return {row["side"]: row["ratio"] for row in found}


class Ratio(unittest.TestCase):
    def test_ours_is_set_against_the_fastest_other_and_others_against_our_first(self):
        found = rows("dense", {"elbo": [1.0], "elbo, slow": [4.0], "eager": [6.0], "fused": [2.0]})
        self.assertEqual(ratios(found), {"elbo": "2.00", "elbo, slow": "0.50", "eager": "6.00", "fused": "2.00"})

    def test_f32_is_set_against_f32_and_bf16_against_the_fastest_of_all(self):
        found = rows("dense", {"elbo": [2.0], "elbo, bf16": [0.5], "torch": [4.0], "torch, bf16": [3.0]})
        self.assertEqual(ratios(found), {"elbo": "2.00", "elbo, bf16": "6.00", "torch": "2.00", "torch, bf16": "6.00"})

    def test_alone_there_is_none(self):
        self.assertEqual(ratios(rows("start", {"elbo --help": [1.0]})), {"elbo --help": ""})

    def test_rows_hold_median_and_spread(self):
        row, = rows("start", {"elbo --help": [0.3, 0.1, 0.25]})
        self.assertEqual([row[field] for field in ("median", "least", "most", "runs")],
                         ["0.2500", "0.1000", "0.3000", "3"])

    def test_figures_have_four_digits(self):
        told = [results.rounded(value, "s") for value in (0.727, 10.49, 999.94, 999.97, 20000.4)]
        self.assertEqual(told, ["0.7270", "10.49", "999.9", "1000", "20000"])


class Quality(unittest.TestCase):
    def told(self, peer):
        return results.differences(rows("quality", {"elbo": [101.0, 101.1, 101.2], "torch": peer}, unit="nats"))

    def test_says_that_elbos_are_equal_or_not(self):
        self.assertIn("torch +0.15 nats. They are equal within 0.2", self.told([101.25]))
        self.assertIn("torch -0.30 nats. They are NOT equal", self.told([100.8]))

    def test_is_told_below_the_table(self):
        found = rows("quality", {"elbo": [101.0], "torch": [100.8]}, unit="nats")
        self.assertTrue(write_docs.section("quality", found).endswith(
            "| torch | 100.80 | 1 |\n\nBeyond elbo: torch -0.20 nats. They are equal within 0.2 nats."))


class Merging(unittest.TestCase):
    def test_replaces_a_benchmarks_rows_of_the_same_place_alone(self):
        dense, conv = rows("dense", {"elbo": [1.0], "gone": [2.0]}), rows("conv", {"elbo": [3.0]})
        held = rows("dense", {"elbo": [4.0]}, HELD)
        again = rows("dense", {"elbo": [0.5]}, {**HERE, "date": "2026-12-01", "load": "0.00"})
        self.assertEqual(results.merge(dense + held + conv, again), again + held + conv)

    def test_keeps_rows_held_to_avx512_beside_those_of_avx512_bf16(self):
        here = {**HERE, "isa": "avx512_bf16", "highest": "avx512_bf16"}
        free = rows("dense", {"elbo": [1.0] * 5}, here)
        held = rows("dense", {"elbo": [2.0] * 5}, {**here, "isa": "avx512"})
        self.assertEqual(results.merge(free, held), free + held)
        section = write_docs.section("dense", free + held)
        self.assertIn("avx512 (of avx512_bf16)", section)
        self.assertIn("`bench/run.py build/release dense`", section)
        self.assertIn("`bench/run.py build/release dense --isa avx512`", section)

    def test_keeps_machines_of_one_name_apart_by_what_they_have(self):
        newer = {**HERE, "isa": "avx2", "highest": "avx512_bf16"}
        held, held_there = rows("dense", {"elbo": [1.0]}, HELD), rows("dense", {"elbo": [2.0]}, newer)
        self.assertEqual(results.merge(held, held_there), held + held_there)

    def test_keeps_the_rows_of_a_benchmark_together(self):
        dense, conv = rows("dense", {"elbo": [1.0]}), rows("conv", {"elbo": [3.0]})
        held = rows("dense", {"elbo": [4.0]}, HELD)
        self.assertEqual(results.merge(dense + conv, held), dense + held + conv)

    def test_reads_what_it_wrote(self):
        found = rows("dense", {"elbo, alone": [1.0], "torch": [2.0]})
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "rows.csv"
            self.assertEqual(results.read(path), [])
            results.write(path, found)
            self.assertEqual(results.read(path), found)


class Machine(unittest.TestCase):
    def test_is_told_by_its_flags(self):
        avx512 = "avx2 fma avx512f avx512bw avx512dq avx512vl"
        for flags, isa in (("sse2", "scalar"), ("avx2 fma", "avx2"), ("avx2 fma avx512f", "avx2"), (avx512, "avx512"),
                           (avx512 + " avx512_bf16", "avx512_bf16"),
                           (avx512 + " avx512_bf16 amx_tile amx_bf16", "amx")):
            model, found = common.cpu_facts(f"model name\t: Some CPU\nflags\t\t: {flags}\n")
            self.assertEqual((model, common.highest_isa(found)), ("Some CPU", isa))

    def test_is_held_to_less_on_both_sides_or_not_at_all(self):
        self.assertEqual(common.forced_isa(None, {}), "")
        self.assertEqual(common.forced_isa(None, {"ELBO_ISA": "avx2"}), "avx2")
        self.assertEqual(common.forced_isa("avx512", {"ELBO_ISA": "scalar"}), "avx512")
        a = types.SimpleNamespace(build="/nowhere", peers="", python="", repeats=1, threads=1, csv=None, isa=None)
        for isa in ("scalar", "avx512_bf16", "amx"):
            with unittest.mock.patch.dict(os.environ, {"ELBO_ISA": isa}), self.assertRaisesRegex(
                    SystemExit, f"ELBO_ISA={isa} holds elbo back and not its peers: .* --isa avx2 or avx512"):
                common.Bench(a)

    def test_is_held_to_avx512_without_its_products_of_bf16(self):
        held = common.FORCED["avx512"]
        self.assertEqual({held["ONEDNN_MAX_CPU_ISA"], held["DNNL_MAX_CPU_ISA"]}, {"AVX512_CORE"})

    def test_sides_take_turns(self):
        bench, order = object.__new__(common.Bench), []
        bench.repeats, bench.circumstances = 3, HERE
        with unittest.mock.patch("common.tell"):
            found = bench.compare("dense", "s", {"elbo": lambda: order.append("a") or 1.0,
                                                 "torch": lambda: order.append("b") or 2.0})
        self.assertEqual("".join(order), "ababab")
        self.assertEqual(ratios(found), {"elbo": "2.00", "torch": "2.00"})

    def test_a_peer_that_dies_is_left_out_and_one_of_ours_is_not(self):
        def die():
            raise common.Died("aborted")
        bench = object.__new__(common.Bench)
        bench.repeats, bench.circumstances = 2, HERE
        with unittest.mock.patch("common.tell"), unittest.mock.patch("builtins.print") as said:
            found = bench.compare("dense", "s", {"elbo": lambda: 1.0, "compiled": die, "torch": lambda: 2.0})
            self.assertRaises(common.Died, bench.compare, "dense", "s", {"elbo": die})
        self.assertEqual(ratios(found), {"elbo": "2.00", "torch": "2.00"})
        said.assert_called_once_with("dense: compiled is left out: aborted", flush=True)

    def test_a_programs_death_says_how_it_ended(self):
        bench = types.SimpleNamespace(environment=lambda: None)
        self.assertEqual(common.Bench.output(bench, ["sh", "-c", "echo bar >&2; echo 1"]), "1")
        with self.assertRaisesRegex(common.Died, "(?s)exit 3.*ended with 3:.no such thing"):
            common.Bench.output(bench, ["sh", "-c", "echo no such thing >&2; exit 3"])

    def test_bf16_runs_only_by_instructions_that_nothing_is_kept_from(self):
        self.assertEqual(common.dtypes({"avx512_bf16"}, ""), ("f32", "bf16"))
        self.assertEqual(common.dtypes({"amx_bf16"}, ""), ("f32", "bf16"))
        self.assertEqual(common.dtypes({"avx512_bf16", "amx_bf16"}, "avx512"), ("f32",))
        self.assertEqual(common.dtypes({"avx2"}, ""), ("f32",))

    def test_bf16_stands_beside_f32_where_it_runs(self):
        bench = types.SimpleNamespace(dtypes=("f32", "bf16"), has_peer=lambda script: True)
        sides = {**common.Bench.precisions(bench, str), **common.Bench.torch_modes(bench, str)}
        self.assertEqual({side: measure for side, measure in sides.items() if results.dtype_of(side) == "bf16"},
                         {"elbo, bf16": "bf16", "PyTorch, bf16 autocast": "amp",
                          "PyTorch, bf16 autocast, compiled": "compile-amp"})
        bench.dtypes = ("f32",)
        self.assertEqual(common.Bench.precisions(bench, str), {"elbo": "f32"})


class OtherBuild(unittest.TestCase):
    """--against: ours in turn with the same of another build, and no peers."""

    def setUp(self):
        self.bench = object.__new__(common.Bench)
        self.bench.repeats, self.bench.circumstances, self.bench.dtypes = 2, HERE, ("f32", "bf16")
        self.bench.threads, self.bench.numbers = 2, iter(range(100))
        self.bench.folder = types.SimpleNamespace(name="/nowhere")
        self.bench.elbo, self.bench.before = "now", ("then", ("--engine", "fused"))
        self.asked = []
        for name in ("common.tell", "builtins.print"):
            patched = unittest.mock.patch(name)
            patched.start()
            self.addCleanup(patched.stop)

    def test_takes_turns_with_its_own_options_at_the_same_seeds(self):
        def train(*options, dtype):
            elbo, *command = self.bench.train_command("mnist", "run", *options, dtype=dtype)
            self.asked.append((elbo, dtype, command[command.index("--seed") + 1], "--engine" in command))
            return [{"split": "test", "neg_elbo": 100.0}]
        self.bench.train = lambda data, *options, dtype: train(*options, dtype=dtype)
        found = quality.run(self.bench)
        self.assertEqual([row["side"] for row in found],
                         ["elbo", "elbo, bf16", "elbo, before", "elbo, before, bf16"])
        self.assertEqual(self.asked, [(elbo, dtype, seed, elbo == "then") for seed in "01" for elbo in ("now", "then")
                                      for dtype in ("f32", "bf16")])
        self.assertEqual(self.bench.elbo, "now")

    def test_is_what_ours_is_set_against_and_may_die(self):
        def figure():
            if self.bench.elbo == "then" and dies:
                raise common.Died("no such option")
            return 3.0 if self.bench.elbo == "then" else 2.0
        dies = False
        sides = {"elbo": figure, "torch": lambda: 1.0}
        self.assertEqual(ratios(self.bench.compare("dense", "s", sides)), {"elbo": "1.50", "elbo, before": "1.50"})
        dies = True
        self.assertEqual(ratios(self.bench.compare("dense", "s", sides)), {"elbo": ""})
        self.assertEqual(self.bench.elbo, "now")


class BesideTorch(unittest.TestCase):
    """What both sides of the benchmarks with vae_torch.py are asked for."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.bench = object.__new__(common.Bench)
        self.bench.dtypes, self.bench.folder, self.bench.has_peer = ("f32",), folder, lambda script: True
        self.bench.compare = lambda benchmark, unit, sides, case: [(case, sides)]
        self.bench.train = lambda *words, dtype: [{"split": "train", "epoch_seconds": words}]
        self.bench.peer = lambda script, *words: {"epoch_s": (script, *words)}

    def asked(self, benchmark):
        """{case: the words for elbo, those for PyTorch compiled}"""
        return {case: (sides["elbo"](), sides["PyTorch, fused Adam, compiled"]())
                for case, sides in benchmark.run(self.bench)}

    def test_each_is_told_of_the_same_model(self):
        for benchmark, own, peers in (
                (deep, ("--latent", "50", "--set", 'model.encoder={type="mlp", sizes=[512, 512]}'),
                 ("--sizes", 512, 512, "--latent", 50)),
                (full, ("--posterior", "full"), ("--model", "full")),
                (vamp, ("--set", 'model.prior={type="vamp", components=500}'),
                 ("--model", "vamp", "--components", 500))):
            elbo, torch = self.asked(benchmark)[""]
            self.assertEqual(elbo, ("mnist", "--valid", "0", "--epochs", "2", *common.PLAIN, *own))
            self.assertEqual(torch, (common.OUR_PEER, "--data", common.MNIST, "--mode", "compile", *peers))
        self.assertTrue(common.OUR_PEER.exists() and common.MNIST.exists())

    def test_as_many_samples_of_as_many_images(self):
        found = self.asked(iwae)
        self.assertEqual(list(found), ["5 samples, 60,000 images", "50 samples, 12,800 images"])
        elbo, torch = found["50 samples, 12,800 images"]
        self.assertEqual(elbo[-3:], ('objective.bound={type="iwae", samples=50}', "--limit", "12800"))
        self.assertEqual(torch[-4:], ("--samples", 50, "--limit", 12800))

    def test_both_read_one_table(self):
        with unittest.mock.patch("table.ROWS", 3):
            elbo, torch = self.asked(table)[""]
        self.assertEqual(elbo[0], torch[torch.index("--data") + 1])
        content = elbo[0].read_bytes()
        self.assertIn(b"'descr': '<f4', 'fortran_order': False, 'shape': (3, 64)", content[:128])
        self.assertEqual(len(content), 128 + 3 * 64 * 4)


class DyingPeer(unittest.TestCase):
    """A peer that dies is left out of the benchmarks that do more than call it."""

    def setUp(self):
        self.bench = object.__new__(common.Bench)
        self.bench.repeats, self.bench.circumstances, self.bench.threads = 2, HERE, 2
        self.bench.elbo, self.bench.python, self.bench.peers = "true", "false", pathlib.Path("/peers")
        self.bench.run_folder = lambda: pathlib.Path("/run")
        self.bench.has_peer = lambda script: True
        for name in ("common.tell", "builtins.print"):
            patched = unittest.mock.patch(name)
            self.said = patched.start()
            self.addCleanup(patched.stop)

    def test_memory(self):
        self.assertEqual([row["side"] for row in memory.run(self.bench)], ["elbo train mnist"])
        self.said.assert_called_once_with(
            "memory: PyTorch, fused Adam is left out: false /peers/torch_vae.py --mode fused --epochs 2 --threads 2\n"
            "ended with 1", flush=True)

    def test_bound(self):
        asked = []

        def peer(script, *options):
            asked.append(options)
            if "--compile" in options:
                raise common.Died("aborted")
            return {"seconds_for_1000": abs(options[options.index("--rows") + 1] - 2000) + 1}
        self.bench.peer = peer
        found = bound.run(self.bench)
        self.assertEqual([row["side"] for row in found], ["elbo eval", "PyTorch, batched"])
        self.said.assert_called_with("bound: PyTorch, batched and compiled is left out: aborted", flush=True)
        self.assertEqual([options for options in asked if "--compile" not in options],
                         [("--images", 50, "--rows", rows) for rows in bound.ROWS] +
                         [("--images", 100, "--rows", 2000)] * 2)


class Target(unittest.TestCase):
    def setUp(self):
        self.bench = types.SimpleNamespace(
            turn=0, precisions=lambda measure: {"elbo": measure("f32")}, has_peer=lambda script: True,
            compare=lambda benchmark, unit, sides: sides,
            run_folder=lambda: pathlib.Path("/run"), train_command=lambda *words, **how: ["sh", "-c", "exit 3"])

    def test_a_peer_that_misses_it_has_no_time(self):
        for nats in (99.9, 100.1):  # its last look draws anew
            self.bench.peer = lambda *options: {"wall_s": 5.0, "test_neg_elbo": nats}
            self.assertEqual(target.run(self.bench)["PyTorch, tuned recipe"](), 5.0)
        self.bench.peer = lambda *options: {"wall_s": 5.0, "test_neg_elbo": 101.2}
        with self.assertRaisesRegex(common.Died, "101.2 nats.* 100"):
            target.run(self.bench)["PyTorch, tuned recipe"]()

    def test_says_how_ours_ended(self):
        with self.assertRaisesRegex(common.Died, "sh -c exit 3\nended with 3 before 100 nats"):
            target.run(self.bench)["elbo"]()


class Page(unittest.TestCase):
    TEXT = "By hand.\n\n<!-- bench:dense -->\nold\n<!-- /bench -->\n\nMore.\n\n<!-- bench:conv -->\n<!-- /bench -->\n"

    def test_sections_are_written_anew_and_the_rest_stays(self):
        found = rows("dense", {"elbo": [1.0, 1.5, 2.0], "torch": [3.0, 3.0, 3.0]})
        page = write_docs.page(self.TEXT, found)
        self.assertTrue(page.startswith("By hand.\n\n<!-- bench:dense -->\n"))
        self.assertIn("<!-- /bench -->\n\nMore.\n\n<!-- bench:conv -->", page)
        self.assertNotIn("old", page)
        self.assertIn("| elbo | 1.500 [1.000 .. 2.000] | 2.00 | 3 |\n| torch | 3.000 | 2.00 | 3 |", page)
        self.assertIn("Some CPU, 2 cores, avx512, 2 threads, f32, load 0.05 at the start", page)
        self.assertIn("Not measured yet: `bench/run.py build/release conv`", page)
        self.assertEqual(write_docs.page(page, found), page)

    def test_places_have_tables_and_commands_of_their_own(self):
        found = rows("dense", {"elbo": [1.0] * 5}) + rows("dense", {"elbo": [2.0] * 5}, HELD)
        section = write_docs.section("dense", found)
        self.assertEqual(section.count("| elbo |"), 2)
        self.assertIn("avx2 (of avx512)", section)
        self.assertIn("`bench/run.py build/release dense --isa avx2`", section)

    def test_cases_are_lines_and_sides_are_columns(self):
        found = [row for size in (32, 128)
                 for row in rows("scaling", {"elbo": [size], "torch": [3 * size]}, case=f"batch {size}")]
        self.assertIn("| batch 32 | 32.00 | 96.00 | 3.00 |\n| batch 128 | 128.0 | 384.0 | 3.00 |",
                      write_docs.section("scaling", found))

    def test_cases_have_a_ratio_for_each_of_ours(self):
        found = rows("iwae", {"elbo": [2], "elbo, bf16": [1], "torch": [3]}, case="5 samples")
        self.assertIn("""
| s | elbo | elbo, bf16 | torch | ratio | ratio, bf16 |
| --- | ---: | ---: | ---: | ---: | ---: |
| 5 samples | 2.000 | 1.000 | 3.000 | 1.50 | 3.00 |
""", write_docs.section("iwae", found) + "\n")

    def test_cases_take_the_place_of_a_benchmark_without_them(self):
        def found(alone, beside, case=""):
            return rows("busy", {"elbo, alone": alone, "beside two busy processes": beside}, case=case)
        old, held = found([0.5], [1.5]), rows("busy", {"elbo, alone": [2.0]}, HELD)
        again = (found([0.75, 0.5, 1.0], [1.5, 1.5, 3.0], "one run of all threads") +
                 found([1.0, 1.0, 1.25], [2.5, 2.25, 2.5], "a run for each thread"))
        merged = results.merge(old + held, again)
        self.assertEqual(merged, again + held)
        self.assertIn("""
| s | elbo, alone | beside two busy processes | ratio |
| --- | ---: | ---: | ---: |
| one run of all threads | 0.7500 [0.5000 .. 1.000] | 1.500 [1.500 .. 3.000] | 2.00 |
| a run for each thread | 1.000 [1.000 .. 1.250] | 2.500 [2.250 .. 2.500] | 2.50 |
""", write_docs.section("busy", merged))

    def test_the_committed_page_and_chart_hold_the_committed_figures(self):
        found, text = results.read(write_docs.RESULTS), write_docs.PAGE.read_text()
        self.assertTrue(text == write_docs.page(text, found), "run bench/write_docs.py")
        self.assertTrue(write_docs.CHART.read_text() == scaling_chart.draw(found), "run bench/write_docs.py")
        self.assertEqual(sorted(name for _, name, _ in write_docs.SECTION.findall(text)), sorted(run.BENCHMARKS))


class Chart(unittest.TestCase):
    def test_draws_the_faster_of_the_others_and_is_xml(self):
        figures = {"elbo": [10, 12, 14], "eager": [40], "compiled": [30]}
        found = [row for size in (32, 128, 4096) for row in rows("scaling", figures, case=f"batch {size}", unit="us")]
        peer = scaling_chart.series(found)["batch"]["peer"]
        self.assertEqual([row["side"] for row in peer.values()], ["compiled"] * 3)
        for drawn in (scaling_chart.draw(found), scaling_chart.draw([])):
            xml.etree.ElementTree.fromstring(drawn)
        self.assertIn("2.5×", scaling_chart.draw(found))
        self.assertIn("Not measured yet", scaling_chart.draw([]))

    def test_draws_one_size_in_the_middle_of_its_panel(self):
        found = rows("scaling", {"elbo": [10], "compiled": [10]}, case="batch 128", unit="us")
        self.assertEqual(scaling_chart.draw(found).count('<circle class="elbo" cx="245.0" cy="208.0"'), 1)


if __name__ == "__main__":
    unittest.main()
