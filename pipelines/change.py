"""Two seasons against each other: the map, every parcel's verdict, the region's sink."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from config.coefficients import find
from geo.areas import area_se_ha
from geo.layers import LAYERS
from models.changes import Changes, ChangeTerms, change_layer, measure_changes
from models.cover import CoverModel
from models.harmonise import harmonisation_error_pct
from models.verdict import Stand
from pipelines.context import Night, TileKeys
from pipelines.parcels import Parcels, read_parcel_table, read_weights
from pipelines.season import SeasonMaps, Trained, factors_of, pair_of
from pipelines.stocks import change_rules, mean_design
from pipelines.stored import digests
from pipelines.train import load_model
from store.catalog import Facts
from store.files import write_json
from store.keys import LayerKey
from store.rasters import write_layer

CHANGE_FILE = "change.parquet"
CHANGE_LAYER_FILE = "agbd_change.tif"
CHANGE_CARD_FILE = "card.json"
