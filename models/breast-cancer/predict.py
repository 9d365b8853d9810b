"""predict.py INPUT_DIR OUTPUT_DIR: the probability of malignancy for each row of the one CSV file in INPUT_DIR.

Writes predictions.csv and summary.json. If the file is invalid, the program writes no results, prints one sentence with
the place of the fault, and exits with code 1.
"""

import csv
import hashlib
import json
import os
import re
import sys
from pathlib import Path

import numpy as np
import onnxruntime

MODEL_FILE = Path(__file__).resolve().parent / "model.onnx"
ROWS_PER_CHUNK = 1000
LONGEST_LINE_BYTES = 1024 * 1024
# Far above any measurement (the largest in the training data is 4,254) and far below the limit of float32.
LARGEST_VALUE = 1_000_000
VALUE_ALLOWED = "a number from 0 to 1000000 such as 17.99"
# float() also accepts 1_000, nan, infinity and digits of other scripts, which are errors in this file.
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class InputError(Exception):
    """An invalid file or call. The message is for the person who made the file, and says where the fault is."""


def main(arguments):
    # With these encodings, any name or value from the file can be printed in any locale.
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        if len(arguments) != 2:
            raise InputError("Usage: run INPUT_DIR OUTPUT_DIR.")
        predict(Path(arguments[0]), Path(arguments[1]))
    except (InputError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def predict(input_dir, output_dir):
    input_file = only_file(input_dir)
    model = Model()
    progress = Progress(os.path.getsize(input_file))
    progress.report(0, f"reading {shown(input_file.name)}")
    tally = Tally()

    output_dir.mkdir(parents=True, exist_ok=True)
    predictions = output_dir / "predictions.csv"
    unfinished = output_dir / "predictions.csv.unfinished"
    try:
        with open(input_file, "rb") as source, open(unfinished, "w", newline="", encoding="utf-8") as target:
            table = Table(source, model.columns)
            writer = csv.writer(target, lineterminator="\n")
            writer.writerow(["id" if table.has_ids else "row", "probability_malignant", "label"])
            for ids, measurements in chunks(table.rows()):
                probabilities = model.probabilities(measurements)
                labels = [model.label(probability) for probability in probabilities]
                writer.writerows(zip(ids, (f"{probability:.6f}" for probability in probabilities), labels))
                tally.add(probabilities, labels, model.outside_training_range(measurements))
                progress.report(source.tell(), f"{tally.rows} rows")
        if tally.rows == 0:
            raise InputError("The file has a header but no rows below it.")
        os.replace(unfinished, predictions)
    finally:
        unfinished.unlink(missing_ok=True)

    write_json(output_dir / "summary.json", summary(model, table, tally))
    print(f"progress: 1.00 {tally.rows} rows, {tally.malignant} malignant", flush=True)


def only_file(input_dir):
    if not input_dir.is_dir():
        raise InputError(f"The input folder {shown(str(input_dir))} does not exist.")
    # The macOS Finder creates .DS_Store in every folder that it shows.
    files = sorted(path for path in input_dir.iterdir() if path.is_file() and path.name != ".DS_Store")
    if not files:
        raise InputError("The input folder holds no file; exactly one CSV file is needed.")
    if len(files) > 1:
        names = ", ".join(shown(path.name) for path in files[:5])
        raise InputError(f"The input folder holds {len(files)} files ({names}); exactly one CSV file is needed.")
    return files[0]


class Model:
    """The network, and the values that train.py stored with it."""

    def __init__(self):
        content = MODEL_FILE.read_bytes()
        self.sha256 = hashlib.sha256(content).hexdigest()
        # 3 = errors only. Standard error is for the person who sent the file, not for warnings about the machine.
        onnxruntime.set_default_logger_severity(3)
        self._session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        stored = self._session.get_modelmeta().custom_metadata_map
        self.columns = json.loads(stored["columns"])
        self.threshold = json.loads(stored["threshold"])
        self._minimum = np.array(json.loads(stored["trainingMinimum"]), dtype=np.float32)
        self._maximum = np.array(json.loads(stored["trainingMaximum"]), dtype=np.float32)

    def probabilities(self, measurements):
        """Rounds to the digits in predictions.csv, so that each label agrees with the probability beside it."""
        (output,) = self._session.run(["probability_malignant"], {"measurements": measurements})
        return [round(float(probability), 6) for probability in output]

    def label(self, probability):
        return "malignant" if probability >= self.threshold else "benign"

    def outside_training_range(self, measurements):
        return int(((measurements < self._minimum) | (measurements > self._maximum)).any(axis=1).sum())


class Table:
    """The CSV file: its header, and its rows as (id or row number, measurements in the model's order)."""

    def __init__(self, source, columns):
        self._columns = columns
        # strict: a missing closing quote is an error. Otherwise the cell would contain the rest of the file.
        self._reader = csv.reader(decoded_lines(source), strict=True)
        header = next(self._records(), None)
        if header is None:
            raise InputError(f"The file is empty; line 1 must be a header with the {counted_columns(columns)}.")
        self._width = len(header[1])
        names = [normalised(name) for name in header[1]]
        self._positions = self._find_columns(names, header[1])
        self._id_position = names.index("id") if "id" in names else None
        self.ignored = [name for name in header[1] if normalised(name) not in {"id", *columns}]

    @property
    def has_ids(self):
        return self._id_position is not None

    def rows(self):
        for number, (line, cells) in enumerate(self._records(), start=1):
            if len(cells) != self._width:
                raise InputError(f"Line {line} has {len(cells)} cells where the header has {self._width}.")
            measurements = [
                measurement(cells[position], line, column) for column, position in zip(self._columns, self._positions)
            ]
            yield (cells[self._id_position] if self.has_ids else number), measurements

    def _records(self):
        """Yields (first line, cells) of each record that is not blank."""
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise InputError(f"Line {line} is not valid CSV: {error}.") from error
            if cells:
                yield line, cells

    def _find_columns(self, names, as_written):
        for name in ["id", *self._columns]:
            if names.count(name) > 1:
                times = names.count(name)
                raise InputError(f"The header (line 1) has the column {name} {times} times; once is allowed.")
        missing = [column for column in self._columns if column not in names]
        if missing:
            raise InputError(missing_columns_message(missing, as_written, set(self._columns)))
        return [names.index(column) for column in self._columns]


def missing_columns_message(missing, header, known):
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        separator = "semicolons" if ";" in header[0] else "tabs"
        return f"The header (line 1) seems to be separated by {separator}; the cells must be separated by commas."
    if len(missing) == len(known) and any(NUMBER.fullmatch(cell.strip()) for cell in header):
        return f"Line 1 holds numbers, not a header; it must name the {counted_columns(missing)}."
    message = f"The header (line 1) lacks the {counted_columns(missing)}"
    unknown = [shown(name) for name in header if normalised(name) not in {"id", *known}]
    if unknown:
        message += f"; it has, unknown to the model, the {counted_columns(unknown)}"
    return message + "."


def counted_columns(names):
    """'column a', '2 columns a, b' or '30 columns a, b, c, d, e and so on …', so that a sentence stays readable."""
    if len(names) == 1:
        return f"column {names[0]}"
    rest = " and so on (the model's README.md lists all it knows)" if len(names) > 5 else ""
    return f"{len(names)} columns {', '.join(names[:5])}{rest}"


def normalised(name):
    """Turns 'Concave points_mean ' into concave_points_mean, because published files have such names."""
    return re.sub(r"\s+", "_", name.strip().lower())


def measurement(cell, line, column):
    text = cell.strip()
    if not text:
        raise InputError(f"Line {line}, column {column}: the cell is empty; it must be {VALUE_ALLOWED}.")
    value = float(text) if NUMBER.fullmatch(text) else None
    if value is None or not 0 <= value <= LARGEST_VALUE:
        raise InputError(f"Line {line}, column {column}: {shown(cell)} is not allowed; it must be {VALUE_ALLOWED}.")
    return value


def decoded_lines(source):
    for number in range(1, sys.maxsize):
        line = source.readline(LONGEST_LINE_BYTES)
        if not line:
            return
        if len(line) == LONGEST_LINE_BYTES and not line.endswith(b"\n"):
            raise InputError(f"Line {number} is longer than {LONGEST_LINE_BYTES} bytes: this is no CSV file of rows.")
        if b"\0" in line:
            raise InputError(f"Line {number} holds a NUL byte: the file must be text, saved as CSV in UTF-8.")
        try:
            # Spreadsheet programs write a byte order mark at the start of a UTF-8 file.
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            byte = line[error.start]
            message = f"Line {number} is not UTF-8 (byte 0x{byte:02x}): save the file as CSV in UTF-8."
            raise InputError(message) from error


def chunks(rows):
    ids, measurements = [], []
    for row_id, row in rows:
        ids.append(row_id)
        measurements.append(row)
        if len(ids) == ROWS_PER_CHUNK:
            yield ids, np.array(measurements, dtype=np.float32)
            ids, measurements = [], []
    if ids:
        yield ids, np.array(measurements, dtype=np.float32)


class Tally:
    def __init__(self):
        self.rows = 0
        self.malignant = 0
        self.sum_of_probabilities = 0.0
        self.outside_training_range = 0

    def add(self, probabilities, labels, outside_training_range):
        self.rows += len(probabilities)
        self.malignant += labels.count("malignant")
        self.sum_of_probabilities += sum(probabilities)
        self.outside_training_range += outside_training_range


def summary(model, table, tally):
    return {
        "rows": tally.rows,
        "malignant": tally.malignant,
        "benign": tally.rows - tally.malignant,
        "meanProbability": round(tally.sum_of_probabilities / tally.rows, 6),
        "threshold": model.threshold,
        "rowsOutsideTrainingRange": tally.outside_training_range,
        "ignoredColumns": table.ignored,
        "modelSha256": model.sha256,
    }


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


class Progress:
    """Reports the share of the file that has been read, at most once per whole percent."""

    def __init__(self, total_bytes):
        self._total_bytes = total_bytes
        self._percent = -1

    def report(self, bytes_read, words):
        # 1.00 is for the end, when the results are complete.
        percent = min(99, 100 * bytes_read // max(1, self._total_bytes))
        if percent > self._percent:
            self._percent = percent
            print(f"progress: {percent / 100:.2f} {words}", flush=True)


def shown(text):
    """The text in quotes, on one line, at most 40 characters."""
    return json.dumps(text if len(text) <= 40 else text[:39] + "…", ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
