"""Every data set by name. A new one is one file here and one line below."""

from jaxvae.data.builders import (
  digits,
  dsprites,
  fashion_mnist,
  image_folder,
  mnist,
  rooms3d,
  sprites_circ,
)
from jaxvae.data.recipe import Recipe

DATASETS: dict[str, Recipe] = {
  'dsprites': dsprites.RECIPE,
  'digits': digits.RECIPE,
  'mnist': mnist.RECIPE,
  'fashion_mnist': fashion_mnist.RECIPE,
  'sprites_circ': sprites_circ.RECIPE,
  'rooms3d': rooms3d.RECIPE,
  'image_folder': image_folder.RECIPE,
}
