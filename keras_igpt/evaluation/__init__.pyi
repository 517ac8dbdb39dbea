from .distances import confidence_interval as confidence_interval
from .distances import frechet_distance as frechet_distance
from .distances import kernel_distance as kernel_distance
from .distances import nearest_distance as nearest_distance
from .distances import precision_recall as precision_recall
from .image_features import ImageFeatures as ImageFeatures
from .inception import InceptionFeatures as InceptionFeatures
