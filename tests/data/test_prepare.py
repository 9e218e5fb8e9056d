"""The command, and preparing under difficulties."""

import concurrent.futures
import pathlib
import tempfile

import numpy as np
import pytest
import tensorflow_datasets as tfds

from jaxvae import data
from jaxvae.data import prepare, writer
from jaxvae.data.blocks import Block
from jaxvae.data.prepared import load, pick, records
from jaxvae.data.recipe import Contents, Options, Recipe


def test_without_a_name_it_lists_the_data_sets(capsys):
  assert prepare.main([]) == 0
  listed = capsys.readouterr().out
  assert [line.split()[0] for line in listed.splitlines()] == list(
    data.DATASETS
  )
  assert ':original' in listed


def test_it_reports_what_was_prepared(tmp_path, capsys):
  assert prepare.main(['digits', f'--data_dir={tmp_path}']) == 0
  out, err = capsys.readouterr()
  for text in (
    'data set   Digits',
    'images     8 x 8 x 1',
    'train: 1,438 images',
    'test: 359 images',
    'digit: 10 (points)',
    str(tmp_path / 'jaxvae_digits' / '1.0.0'),
  ):
    assert text in out
  assert err.startswith('preparing digits ... ') and err.endswith(' s\n')
  prepare.main(['digits', f'--data_dir={tmp_path}'])
  assert capsys.readouterr().err == ''


@pytest.mark.parametrize(
  'flag', ['--path', '--data.path', '--config.data.path']
)
def test_flags_are_called_as_messages_call_them(tmp_path, capsys, flag):
  np.save(tmp_path / 'x.npy', np.full((3, 4, 5), 9, np.uint8))
  arguments = [f'{flag}={tmp_path}/x.npy', f'--data_dir={tmp_path}/data']
  assert prepare.main(['image_folder', *arguments]) == 0
  out, err = capsys.readouterr()
  assert 'note       the brightest pixel of all is 9 of 255' in out
  assert 'note: the brightest pixel of all is 9 of 255' in err


def test_errors_are_two_lines_and_an_exit_code(tmp_path, capsys):
  assert prepare.main(['digit', f'--data_dir={tmp_path}']) == 2
  lines = capsys.readouterr().err.splitlines()
  assert lines[0] == (
    "jaxvae: error: unknown data set 'digit'; did you mean 'digits'?"
  )
  assert lines[1].startswith('hint: there are: dsprites, ')
  # A path below a file cannot be written by anyone.
  (tmp_path / 'file').write_text('')
  assert prepare.main(['digits', f'--data_dir={tmp_path}/file/x']) == 5
  assert 'Not a directory' in capsys.readouterr().err


def test_stock_tfds_reads_what_was_prepared(tmp_path):
  prepare.main(['digits', f'--data_dir={tmp_path}'])
  builder = tfds.builder('jaxvae_digits', data_dir=tmp_path)
  record = builder.as_data_source(split='test')[0]
  assert record['rows'].shape == (359, 64)


def test_what_a_killed_process_left_is_removed(config):
  left = pathlib.Path(config('digits').data_dir, 'jaxvae_digits/incomplete.X_1')
  left.mkdir(parents=True)
  prepared = data.ensure_prepared(config('digits'))
  assert not left.exists()
  assert len(load(prepared, 'test').rows) == 359


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
  (tmp_path / 'tmp').mkdir()
  monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'tmp'))
  prepare.main(['digits', f'--data_dir={tmp_path}/data'])
  assert not list((tmp_path / 'tmp').iterdir())


def test_records_are_written_as_they_come(tmp_path):
  """TFDS's own way holds a split in memory, 1,000 MiB at most."""
  rng = np.random.default_rng(0)
  written = []

  def blocks():
    for _ in range(12):
      found = tmp_path.rglob('incomplete.*/*array_record*')
      written.append(sum(path.stat().st_size for path in found))
      yield Block(rng.integers(0, 256, (1024, 4096), np.uint8), None)

  contents = Contents('x', (64, 64, 1), False, False, (), {'train': blocks})
  recipe = Recipe('x', '1.0.0', lambda _: '', lambda _: contents)
  options = Options('mine', '', tmp_path, '', '', 0, 0)
  prepared = writer.ensure(options, recipe)
  assert prepared.split('train').size == 12 * 1024
  # When the last 4 MiB of 48 are asked for, 16 MiB are the most that wait.
  assert written[-1] > 20 << 20


def test_large_splits_are_several_files(tmp_path, monkeypatch):
  monkeypatch.setattr(writer, 'FILE_BYTES', 1 << 20)
  rows = np.random.default_rng(0).integers(0, 256, (800, 4096), np.uint8)
  contents = Contents(
    *('x', (64, 64, 1), False, False, ()),
    {'train': lambda: iter([Block(rows, None)])},
  )
  recipe = Recipe('x', '1.0.0', lambda _: '', lambda _: contents)
  prepared = writer.ensure(Options('mine', '', tmp_path, '', '', 0, 0), recipe)
  assert len(list(prepared.directory.glob('*array_record*'))) == 4
  np.testing.assert_array_equal(load(prepared, 'train').rows, rows)
  at = np.array([0, 300, 799])
  picked = pick(prepared, records(prepared, 'train'), at)
  np.testing.assert_array_equal(picked.rows, rows[at])


def test_who_asks_second_waits_for_the_first(config, capsys):
  # The lock belongs to an open file, so threads stand in for processes.
  config = config('digits')
  with concurrent.futures.ThreadPoolExecutor() as pool:
    found = list(pool.map(data.ensure_prepared, [config] * 4))
  assert found[0].splits['train'].size == 1438
  assert found == found[:1] * 4
  assert capsys.readouterr().err.count('preparing') == 1
