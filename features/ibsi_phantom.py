"""The digital phantom of the Image Biomarker Standardisation Initiative and its consensus values.

Zwanenburg et al., Radiology 2020;295:328-38, doi 10.1148/radiol.2020191145 (phantom: CC BY 4.0).
Texture is by volume, matrices of the 13 directions averaged, as pyradiomics computes it.
"""

from types import MappingProxyType
from typing import Any

import numpy as np
import SimpleITK as sitk

SPACING_MM = 2.0
# (slice, row, column); 0 is outside the region of interest
INTENSITIES = (
    ((1, 4, 4, 1, 1), (1, 4, 6, 1, 1), (4, 1, 6, 4, 1), (4, 4, 6, 4, 1)),
    ((1, 4, 4, 1, 1), (1, 1, 6, 1, 1), (0, 1, 3, 1, 1), (4, 4, 6, 1, 1)),
    ((1, 4, 4, 0, 0), (1, 1, 1, 1, 1), (1, 1, 0, 1, 1), (1, 1, 6, 1, 1)),
    ((1, 4, 4, 0, 0), (1, 1, 1, 1, 1), (1, 1, 1, 1, 1), (1, 1, 6, 1, 1)),
)
VOXELS = 74

# Name in pyradiomics: (consensus value, its tolerance; 0 where three digits agree exactly)
CONSENSUS = MappingProxyType(
    {
        "shape_MeshVolume": (556.0, 4.0),
        "shape_VoxelVolume": (592.0, 4.0),
        "shape_SurfaceArea": (388.0, 3.0),
        "shape_SurfaceVolumeRatio": (0.698, 0.004),
        "shape_Sphericity": (0.843, 0.005),
        "shape_Maximum3DDiameter": (13.1, 0.1),
        "shape_MajorAxisLength": (11.4, 0.1),
        "shape_MinorAxisLength": (9.31, 0.06),
        "shape_LeastAxisLength": (8.54, 0.05),
        "shape_Elongation": (0.816, 0.005),
        "shape_Flatness": (0.749, 0.005),
        "firstorder_Mean": (2.15, 0.0),
        "firstorder_Variance": (3.05, 0.0),
        "firstorder_Skewness": (1.08, 0.0),
        "firstorder_Kurtosis": (-0.355, 0.0),
        "firstorder_Median": (1.0, 0.0),
        "firstorder_Minimum": (1.0, 0.0),
        "firstorder_10Percentile": (1.0, 0.0),
        "firstorder_90Percentile": (4.0, 0.0),
        "firstorder_Maximum": (6.0, 0.0),
        "firstorder_InterquartileRange": (3.0, 0.0),
        "firstorder_Range": (5.0, 0.0),
        "firstorder_MeanAbsoluteDeviation": (1.55, 0.0),
        "firstorder_RobustMeanAbsoluteDeviation": (1.11, 0.0),
        "firstorder_Energy": (567.0, 0.0),
        "firstorder_RootMeanSquared": (2.77, 0.0),
        "firstorder_Entropy": (1.27, 0.0),
        "firstorder_Uniformity": (0.512, 0.0),
        "glcm_MaximumProbability": (0.503, 0.0),
        "glcm_JointAverage": (2.14, 0.0),
        "glcm_SumSquares": (3.10, 0.0),
        "glcm_JointEntropy": (2.40, 0.0),
        "glcm_DifferenceAverage": (1.43, 0.0),
        "glcm_DifferenceVariance": (3.06, 0.0),
        "glcm_DifferenceEntropy": (1.56, 0.0),
        "glcm_SumEntropy": (1.92, 0.0),
        "glcm_JointEnergy": (0.303, 0.0),
        "glcm_Contrast": (5.32, 0.0),
        "glcm_Id": (0.677, 0.0),
        "glcm_Idn": (0.851, 0.0),
        "glcm_Idm": (0.618, 0.0),
        "glcm_Idmn": (0.898, 0.0),
        "glcm_InverseVariance": (0.0604, 0.0),
        "glcm_Correlation": (0.157, 0.0),
        "glcm_Autocorrelation": (5.06, 0.0),
        "glcm_ClusterTendency": (7.07, 0.0),
        "glcm_ClusterShade": (16.6, 0.0),
        "glcm_ClusterProminence": (145.0, 0.0),
        "glcm_Imc1": (-0.157, 0.0),
        "glcm_Imc2": (0.520, 0.0),
        "glrlm_ShortRunEmphasis": (0.705, 0.0),
        "glrlm_LongRunEmphasis": (3.06, 0.0),
        "glrlm_LowGrayLevelRunEmphasis": (0.603, 0.0),
        "glrlm_HighGrayLevelRunEmphasis": (9.70, 0.0),
        "glrlm_ShortRunLowGrayLevelEmphasis": (0.352, 0.0),
        "glrlm_ShortRunHighGrayLevelEmphasis": (8.54, 0.0),
        "glrlm_LongRunLowGrayLevelEmphasis": (2.39, 0.0),
        "glrlm_LongRunHighGrayLevelEmphasis": (17.6, 0.0),
        "glrlm_GrayLevelNonUniformity": (21.8, 0.0),
        "glrlm_GrayLevelNonUniformityNormalized": (0.430, 0.0),
        "glrlm_RunLengthNonUniformity": (26.9, 0.0),
        "glrlm_RunLengthNonUniformityNormalized": (0.513, 0.0),
        "glrlm_RunPercentage": (0.680, 0.0),
        "glrlm_GrayLevelVariance": (3.46, 0.0),
        "glrlm_RunVariance": (0.574, 0.0),
        "glrlm_RunEntropy": (2.43, 0.0),
        "glszm_SmallAreaEmphasis": (0.255, 0.0),
        "glszm_LargeAreaEmphasis": (550.0, 0.0),
        "glszm_LowGrayLevelZoneEmphasis": (0.253, 0.0),
        "glszm_HighGrayLevelZoneEmphasis": (15.6, 0.0),
        "glszm_SmallAreaLowGrayLevelEmphasis": (0.0256, 0.0),
        "glszm_SmallAreaHighGrayLevelEmphasis": (2.76, 0.0),
        "glszm_LargeAreaLowGrayLevelEmphasis": (503.0, 0.0),
        "glszm_LargeAreaHighGrayLevelEmphasis": (1490.0, 0.0),
        "glszm_GrayLevelNonUniformity": (1.40, 0.0),
        "glszm_GrayLevelNonUniformityNormalized": (0.280, 0.0),
        "glszm_SizeZoneNonUniformity": (1.0, 0.0),
        "glszm_SizeZoneNonUniformityNormalized": (0.2, 0.0),
        "glszm_ZonePercentage": (0.0676, 0.0),
        "glszm_GrayLevelVariance": (2.64, 0.0),
        "glszm_ZoneVariance": (331.0, 0.0),
        "glszm_ZoneEntropy": (2.32, 0.0),
        "ngtdm_Coarseness": (0.0296, 0.0),
        "ngtdm_Contrast": (0.584, 0.0),
        "ngtdm_Busyness": (6.54, 0.0),
        "ngtdm_Complexity": (13.5, 0.0),
        "ngtdm_Strength": (0.763, 0.0),
        "gldm_SmallDependenceEmphasis": (0.0450, 0.0),
        "gldm_LargeDependenceEmphasis": (109.0, 0.0),
        "gldm_LowGrayLevelEmphasis": (0.693, 0.0),
        "gldm_HighGrayLevelEmphasis": (7.66, 0.0),
        "gldm_SmallDependenceLowGrayLevelEmphasis": (0.00963, 0.0),
        "gldm_SmallDependenceHighGrayLevelEmphasis": (0.736, 0.0),
        "gldm_LargeDependenceLowGrayLevelEmphasis": (102.0, 0.0),
        "gldm_LargeDependenceHighGrayLevelEmphasis": (235.0, 0.0),
        "gldm_GrayLevelNonUniformity": (37.9, 0.0),
        "gldm_DependenceNonUniformity": (4.86, 0.0),
        "gldm_DependenceNonUniformityNormalized": (0.0657, 0.0),
        "gldm_GrayLevelVariance": (3.05, 0.0),
        "gldm_DependenceVariance": (22.1, 0.0),
        "gldm_DependenceEntropy": (4.40, 0.0),
    }
)


def phantom() -> tuple[Any, Any]:
    """Return the phantom's image and mask."""
    values = np.asarray(INTENSITIES, dtype=np.float64)
    image = sitk.GetImageFromArray(values)
    mask = sitk.GetImageFromArray((values > 0).astype(np.uint8))
    for item in (image, mask):
        item.SetSpacing((SPACING_MM,) * 3)
    return image, mask


def in_ibsi_terms(name: str, value: float) -> float:
    """Return pyradiomics' value as IBSI defines it.

    IBSI's kurtosis is the excess over 3, and its axis lengths divide the scatter by n - 1 where
    pyradiomics divides by n.
    """
    if name == "firstorder_Kurtosis":
        return value - 3.0
    if name.endswith("AxisLength"):
        return value * float(np.sqrt(VOXELS / (VOXELS - 1)))
    return value


def agrees(name: str, value: float) -> bool:
    """Return whether a value (in IBSI's terms) is the consensus, at three significant digits."""
    agreed, tolerance = CONSENSUS[name]
    last_digit = 10.0 ** (np.floor(np.log10(abs(agreed))) - 2)
    return bool(abs(value - agreed) <= max(tolerance, last_digit / 2) * (1 + 1e-9))
