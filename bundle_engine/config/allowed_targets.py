"""What ``safe`` configs may name: an allow-list of exact callables, methods and constants, as data.

A target is on the list by the module and the qualified name of the object that it leads to, whatever name the config
calls it by. What is on the list neither opens files, addresses or processes of a config's choosing, nor unpickles,
nor turns a text into code, whatever arguments it gets; where some argument would make it do so, `GUARDS` names the
argument. What was left out, and why:

- `SaveImage`, `WriteFileMapping`, `SaveClassification`, savers, loggers and trackers: they write files at a place of
  the config's choosing. `SaveImage` also imports the text given as ``writer``.
- `CheckpointLoader`, `torch.load`, `torch.hub`, `torch.jit.load`, `numpy.load`, `pickle`: they read files or addresses
  of the config's choosing, and most of them can run what they read. Weights are loaded by the caller.
- datasets and loaders, most of all those that cache: they start processes, and read or write files while they are made.
- engines: an expression cannot call their ``run``, so that a ``safe`` config is built, and run by its caller's code.
- `PatchInferer` (imports the text given as ``merger_cls``), `ZarrAvgMerger` (writes), `TorchVision`, `TorchIO`, `CuCIM`
  and their random variants (look up any name of another package), `Lambda` (for functions, which need ``full``),
  `SimulateDelay` (waits), `ImageFilter`, `LearningRateFinder` (pickles), `GaussianMixtureModel`, `CRF` (compile code).
- networks that fetch weights by default or by a name: `MILModel`, `TorchVisionFCModel`, `ResNetFeatures`,
  `EfficientNetBNFeatures`, `Transchex`, `resnet50` and other functions of its kind, `PerceptualLoss`, `FIDMetric`.
- `MetricsReloaded*`, `HyenaNDUNETR`: they need other packages, which nobody has looked through.
- `list`, `tuple`, `range`, `dict` and other builtins: expressions have them, with bounds.
- classes to derive from; and all else that nobody has decided on.
"""

from __future__ import annotations

from collections.abc import Mapping

#: modules, and the qualified names in them that may be called
CALLABLES: Mapping[str, str] = {
    "collections": "OrderedDict",
    "monai.handlers.utils": "from_engine",
    "monai.utils.misc": "set_determinism",
    "torch": "device",
    "torch.cuda": "device_count is_available",
    "torch.distributed": "is_available",
    "torch.distributed.distributed_c10d": "get_rank get_world_size is_initialized",
    "torch.random": "manual_seed",
    # MONAI's transforms
    "monai.transforms.compose": "Compose OneOf RandomOrder SomeOf",
    "monai.transforms.croppad.array": (
        "BorderPad BoundingRect CenterScaleCrop CenterSpatialCrop Crop CropForeground DivisiblePad Pad "
        "RandCropByLabelClasses RandCropByPosNegLabel RandScaleCrop RandSpatialCrop RandSpatialCropSamples "
        "RandWeightedCrop ResizeWithPadOrCrop SpatialCrop SpatialPad"
    ),
    "monai.transforms.croppad.dictionary": (
        "BorderPadd BoundingRectd CenterScaleCropd CenterSpatialCropd CropForegroundd Cropd DivisiblePadd "
        "Padd RandCropByLabelClassesd RandCropByPosNegLabeld RandCropd RandScaleCropd RandSpatialCropSamplesd "
        "RandSpatialCropd RandWeightedCropd ResizeWithPadOrCropd SpatialCropd SpatialPadd"
    ),
    "monai.transforms.intensity.array": (
        "AdjustContrast ClipIntensityPercentiles ComputeHoVerMaps DetectEnvelope ForegroundMask "
        "GaussianSharpen GaussianSmooth GibbsNoise HistogramNormalize IntensityRemap KSpaceSpikeNoise "
        "MaskIntensity MedianSmooth NormalizeIntensity RandAdjustContrast RandBiasField RandCoarseDropout "
        "RandCoarseShuffle RandCoarseTransform RandGaussianNoise RandGaussianSharpen RandGaussianSmooth "
        "RandGibbsNoise RandHistogramShift RandIntensityRemap RandKSpaceSpikeNoise RandRicianNoise "
        "RandScaleIntensity RandScaleIntensityFixedMean RandShiftIntensity RandStdShiftIntensity "
        "SavitzkyGolaySmooth ScaleIntensity ScaleIntensityFixedMean ScaleIntensityRange "
        "ScaleIntensityRangePercentiles ShiftIntensity StdShiftIntensity ThresholdIntensity "
        "UltrasoundConfidenceMapTransform"
    ),
    "monai.transforms.intensity.dictionary": (
        "AdjustContrastd ClipIntensityPercentilesd ComputeHoVerMapsd ForegroundMaskd GaussianSharpend "
        "GaussianSmoothd GibbsNoised HistogramNormalized KSpaceSpikeNoised MaskIntensityd MedianSmoothd "
        "NormalizeIntensityd RandAdjustContrastd RandBiasFieldd RandCoarseDropoutd RandCoarseShuffled "
        "RandGaussianNoised RandGaussianSharpend RandGaussianSmoothd RandGibbsNoised RandHistogramShiftd "
        "RandKSpaceSpikeNoised RandRicianNoised RandScaleIntensityFixedMeand RandScaleIntensityd "
        "RandShiftIntensityd RandStdShiftIntensityd SavitzkyGolaySmoothd ScaleIntensityRangePercentilesd "
        "ScaleIntensityRanged ScaleIntensityd ShiftIntensityd StdShiftIntensityd ThresholdIntensityd"
    ),
    "monai.transforms.inverse_batch_transform": "BatchInverseTransform Decollated",
    "monai.transforms.io.array": "LoadImage",
    "monai.transforms.io.dictionary": "LoadImaged",
    "monai.transforms.lazy.array": "ApplyPending",
    "monai.transforms.lazy.dictionary": "ApplyPendingd",
    "monai.transforms.meta_utility.dictionary": "FromMetaTensord ToMetaTensord",
    "monai.transforms.post.array": (
        "Activations AsDiscrete DistanceTransformEDT FillHoles GenerateHeatmap Invert "
        "KeepLargestConnectedComponent LabelFilter LabelToContour MeanEnsemble ProbNMS RemoveSmallObjects "
        "SobelGradients VoteEnsemble"
    ),
    "monai.transforms.post.dictionary": (
        "Activationsd AsDiscreted DistanceTransformEDTd Ensembled FillHolesd GenerateHeatmapd Invertd "
        "KeepLargestConnectedComponentd LabelFilterd LabelToContourd MeanEnsembled ProbNMSd "
        "RemoveSmallObjectsd SobelGradientsd VoteEnsembled"
    ),
    "monai.transforms.regularization.array": "CutMix CutOut MixUp",
    "monai.transforms.regularization.dictionary": "CutMixd CutOutd MixUpd",
    "monai.transforms.signal.array": (
        "SignalContinuousWavelet SignalFillEmpty SignalRandAddGaussianNoise SignalRandAddSine "
        "SignalRandAddSinePartial SignalRandAddSquarePulse SignalRandAddSquarePulsePartial SignalRandDrop "
        "SignalRandScale SignalRandShift SignalRemoveFrequency"
    ),
    "monai.transforms.signal.dictionary": "SignalFillEmptyd",
    "monai.transforms.smooth_field.array": (
        "RandSmoothDeform RandSmoothFieldAdjustContrast RandSmoothFieldAdjustIntensity"
    ),
    "monai.transforms.smooth_field.dictionary": (
        "RandSmoothDeformd RandSmoothFieldAdjustContrastd RandSmoothFieldAdjustIntensityd"
    ),
    "monai.transforms.spatial.array": (
        "Affine AffineGrid ConvertBoxToPoints ConvertPointsToBoxes Flip GridDistortion GridPatch GridSplit "
        "Orientation Rand2DElastic Rand3DElastic RandAffine RandAffineGrid RandAxisFlip RandDeformGrid "
        "RandFlip RandGridDistortion RandGridPatch RandRotate RandRotate90 RandSimulateLowResolution RandZoom "
        "Resample ResampleToMatch Resize Rotate Rotate90 Spacing SpatialResample Zoom"
    ),
    "monai.transforms.spatial.dictionary": (
        "Affined ConvertBoxToPointsd ConvertPointsToBoxesd Flipd GridDistortiond GridPatchd GridSplitd "
        "Orientationd Rand2DElasticd Rand3DElasticd RandAffined RandAxisFlipd RandFlipd RandGridDistortiond "
        "RandGridPatchd RandRotate90d RandRotated RandSimulateLowResolutiond RandZoomd ResampleToMatchd "
        "Resized Rotate90d Rotated Spacingd SpatialResampled Zoomd"
    ),
    "monai.transforms.utility.array": (
        "AddCoordinateChannels AddExtremePointsChannel ApplyTransformToPoints AsChannelLast CastToType "
        "ClassesToIndices ConvertToMultiChannelBasedOnBratsClasses DataStats EnsureChannelFirst EnsureType "
        "FgBgToIndices FlattenSequence Identity IntensityStats LabelToMask MapLabelValue RandIdentity "
        "RemoveRepeatedChannel RepeatChannel SplitDim SqueezeDim ToDevice ToNumpy ToPIL ToTensor Transpose"
    ),
    "monai.transforms.utility.dictionary": (
        "AddCoordinateChannelsd AddExtremePointsChanneld ApplyTransformToPointsd AsChannelLastd CastToTyped "
        "ClassesToIndicesd ConcatItemsd ConvertToMultiChannelBasedOnBratsClassesd CopyItemsd DataStatsd "
        "DeleteItemsd EnsureChannelFirstd EnsureTyped FgBgToIndicesd FlattenSequenced FlattenSubKeysd "
        "Identityd IntensityStatsd LabelToMaskd MapLabelValued RemoveRepeatedChanneld RepeatChanneld "
        "SelectItemsd SplitDimd SqueezeDimd ToDeviced ToNumpyd ToPILd ToTensord TransformPointsImageToWorldd "
        "TransformPointsWorldToImaged Transposed"
    ),
    # networks
    "monai.networks.nets.ahnet": "AHNet",
    "monai.networks.nets.attentionunet": "AttentionUnet",
    "monai.networks.nets.autoencoder": "AutoEncoder",
    "monai.networks.nets.autoencoderkl": "AutoencoderKL",
    "monai.networks.nets.basic_unet": "BasicUNet",
    "monai.networks.nets.basic_unetplusplus": "BasicUNetPlusPlus",
    "monai.networks.nets.classifier": "Classifier Critic Discriminator",
    "monai.networks.nets.controlnet": "ControlNet",
    "monai.networks.nets.densenet": "DenseNet DenseNet121 DenseNet169 DenseNet201 DenseNet264",
    "monai.networks.nets.diffusion_model_unet": "DiffusionModelUNet",
    "monai.networks.nets.dynunet": "DynUNet",
    "monai.networks.nets.efficientnet": "EfficientNet EfficientNetBN",
    "monai.networks.nets.flexible_unet": "FlexibleUNet",
    "monai.networks.nets.fullyconnectednet": "FullyConnectedNet VarFullyConnectedNet",
    "monai.networks.nets.generator": "Generator",
    "monai.networks.nets.highresnet": "HighResNet",
    "monai.networks.nets.hovernet": "HoVerNet",
    "monai.networks.nets.masked_autoencoder_vit": "MaskedAutoEncoderViT",
    "monai.networks.nets.mednext": "MedNeXt",
    "monai.networks.nets.netadapter": "NetAdapter",
    "monai.networks.nets.patchgan_discriminator": "MultiScalePatchDiscriminator PatchDiscriminator",
    "monai.networks.nets.regressor": "Regressor",
    "monai.networks.nets.regunet": "GlobalNet LocalNet RegUNet",
    "monai.networks.nets.resnet": "ResNet ResNetBlock ResNetBottleneck",
    "monai.networks.nets.segresnet": "SegResNet SegResNetVAE",
    "monai.networks.nets.segresnet_ds": "SegResNetDS SegResNetDS2",
    "monai.networks.nets.senet": "SENet SENet154 SEResNet101 SEResNet152 SEResNet50 SEResNext101 SEResNext50",
    "monai.networks.nets.spade_autoencoderkl": "SPADEAutoencoderKL",
    "monai.networks.nets.spade_diffusion_model_unet": "SPADEDiffusionModelUNet",
    "monai.networks.nets.spade_network": "SPADENet",
    "monai.networks.nets.swin_unetr": "SwinUNETR",
    "monai.networks.nets.transformer": "DecoderOnlyTransformer",
    "monai.networks.nets.unet": "UNet",
    "monai.networks.nets.unetr": "UNETR",
    "monai.networks.nets.varautoencoder": "VarAutoEncoder",
    "monai.networks.nets.vit": "ViT",
    "monai.networks.nets.vitautoenc": "ViTAutoEnc",
    "monai.networks.nets.vnet": "VNet",
    "monai.networks.nets.voxelmorph": "VoxelMorph VoxelMorphUNet",
    "monai.networks.nets.vqvae": "VQVAE",
    # losses
    "monai.losses.adversarial_loss": "PatchAdversarialLoss",
    "monai.losses.aucm_loss": "AUCMLoss",
    "monai.losses.barlow_twins": "BarlowTwinsLoss",
    "monai.losses.boundary_loss": "BoundaryLoss",
    "monai.losses.cldice": "SoftDiceclDiceLoss SoftclDiceLoss",
    "monai.losses.contrastive": "ContrastiveLoss",
    "monai.losses.deform": "BendingEnergyLoss DiffusionLoss",
    "monai.losses.dice": (
        "DiceCELoss DiceFocalLoss DiceLoss GeneralizedDiceFocalLoss GeneralizedDiceLoss "
        "GeneralizedWassersteinDiceLoss MaskedDiceLoss"
    ),
    "monai.losses.ds_loss": "DeepSupervisionLoss",
    "monai.losses.focal_loss": "FocalLoss",
    "monai.losses.giou_loss": "BoxGIoULoss",
    "monai.losses.hausdorff_loss": "HausdorffDTLoss LogHausdorffDTLoss",
    "monai.losses.image_dissimilarity": "GlobalMutualInformationLoss LocalNormalizedCrossCorrelationLoss",
    "monai.losses.mcc_loss": "MCCLoss",
    "monai.losses.multi_scale": "MultiScaleLoss",
    "monai.losses.nacl_loss": "NACLLoss",
    "monai.losses.spatial_mask": "MaskedLoss",
    "monai.losses.spectral_loss": "JukeboxLoss",
    "monai.losses.ssim_loss": "SSIMLoss",
    "monai.losses.sure_loss": "SURELoss",
    "monai.losses.tversky": "TverskyLoss",
    "monai.losses.unified_focal_loss": "AsymmetricUnifiedFocalLoss",
    # inferers
    "monai.inferers.inferer": (
        "ControlNetDiffusionInferer ControlNetLatentDiffusionInferer DiffusionInferer LatentDiffusionInferer "
        "SimpleInferer SliceInferer SlidingWindowInferer SlidingWindowInfererAdapt VQVAETransformerInferer"
    ),
    "monai.inferers.splitter": "SlidingWindowSplitter",
    # metrics
    "monai.metrics.absolute_volume_difference": "AbsoluteVolumeDifferenceMetric",
    "monai.metrics.average_precision": "AveragePrecisionMetric",
    "monai.metrics.calibration": "CalibrationErrorMetric",
    "monai.metrics.confusion_matrix": "ConfusionMatrixMetric",
    "monai.metrics.cumulative_average": "CumulativeAverage",
    "monai.metrics.f_beta_score": "FBetaScore",
    "monai.metrics.generalized_dice": "GeneralizedDiceScore",
    "monai.metrics.hausdorff_distance": "HausdorffDistanceMetric",
    "monai.metrics.loss_metric": "LossMetric",
    "monai.metrics.meandice": "DiceHelper DiceMetric",
    "monai.metrics.meaniou": "MeanIoU",
    "monai.metrics.panoptic_quality": "PanopticQualityMetric",
    "monai.metrics.regression": "MAEMetric MAPEMetric MSEMetric MultiScaleSSIMMetric PSNRMetric RMSEMetric SSIMMetric",
    "monai.metrics.rocauc": "ROCAUCMetric",
    "monai.metrics.surface_dice": "SurfaceDiceMetric",
    "monai.metrics.surface_distance": "SurfaceDistanceMetric",
    # noise schedules of diffusion models
    "monai.networks.schedulers.ddim": "DDIMScheduler",
    "monai.networks.schedulers.ddpm": "DDPMScheduler",
    "monai.networks.schedulers.pndm": "PNDMScheduler",
    "monai.networks.schedulers.rectified_flow": "RFlowScheduler",
    # optimizers and schedules of the learning rate
    "monai.optimizers.lr_scheduler": "ExponentialLR LinearLR WarmupCosineSchedule",
    "monai.optimizers.novograd": "Novograd",
    # blocks of networks
    "monai.networks.blocks.acti_norm": "ADN",
    "monai.networks.blocks.activation": "GEGLU MemoryEfficientSwish Mish Swish",
    "monai.networks.blocks.aspp": "SimpleASPP",
    "monai.networks.blocks.convolutions": "Convolution ResidualUnit",
    "monai.networks.blocks.denseblock": "ConvDenseBlock DenseBlock",
    "monai.networks.blocks.downsample": "MaxAvgPool SubpixelDownsample",
    "monai.networks.blocks.dynunet_block": "UnetBasicBlock UnetOutBlock UnetResBlock UnetUpBlock",
    "monai.networks.blocks.mlp": "MLPBlock",
    "monai.networks.blocks.patchembedding": "PatchEmbeddingBlock",
    "monai.networks.blocks.segresnet_block": "ResBlock",
    "monai.networks.blocks.selfattention": "SABlock",
    "monai.networks.blocks.squeeze_and_excitation": "ChannelSELayer ResidualSELayer SEBlock",
    "monai.networks.blocks.transformerblock": "TransformerBlock",
    "monai.networks.blocks.unetr_block": "UnetrBasicBlock UnetrPrUpBlock UnetrUpBlock",
    "monai.networks.blocks.upsample": "SubpixelUpsample UpSample",
    "monai.networks.layers.drop_path": "DropPath",
    "monai.networks.layers.simplelayers": "Flatten GaussianFilter Reshape SkipConnection",
    # PyTorch's layers and losses
    "torch.nn.modules.activation": (
        "CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid LogSoftmax Mish "
        "MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d Softmin Softplus "
        "Softshrink Softsign Tanh Tanhshrink Threshold"
    ),
    "torch.nn.modules.adaptive": "AdaptiveLogSoftmaxWithLoss",
    "torch.nn.modules.batchnorm": "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm",
    "torch.nn.modules.channelshuffle": "ChannelShuffle",
    "torch.nn.modules.container": "ModuleDict ModuleList ParameterDict ParameterList Sequential",
    "torch.nn.modules.conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
    "torch.nn.modules.distance": "CosineSimilarity PairwiseDistance",
    "torch.nn.modules.dropout": "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout",
    "torch.nn.modules.flatten": "Flatten Unflatten",
    "torch.nn.modules.fold": "Fold Unfold",
    "torch.nn.modules.instancenorm": "InstanceNorm1d InstanceNorm2d InstanceNorm3d",
    "torch.nn.modules.linear": "Bilinear Identity Linear",
    "torch.nn.modules.loss": (
        "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss GaussianNLLLoss "
        "HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss LinearCrossEntropyLoss MSELoss MarginRankingLoss "
        "MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d PoissonNLLLoss "
        "SmoothL1Loss SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss"
    ),
    "torch.nn.modules.normalization": "CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm",
    "torch.nn.modules.padding": (
        "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d "
        "ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d "
        "ZeroPad2d ZeroPad3d"
    ),
    "torch.nn.modules.pixelshuffle": "PixelShuffle PixelUnshuffle",
    "torch.nn.modules.pooling": (
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d "
        "AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d FractionalMaxPool3d LPPool1d "
        "LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d MaxUnpool3d"
    ),
    "torch.nn.modules.rnn": "GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase",
    "torch.nn.modules.sparse": "Embedding EmbeddingBag",
    "torch.nn.modules.transformer": (
        "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer"
    ),
    "torch.nn.modules.upsampling": "Upsample UpsamplingBilinear2d UpsamplingNearest2d",
    # optimizers and schedules of PyTorch
    "torch.optim.adadelta": "Adadelta",
    "torch.optim.adagrad": "Adagrad",
    "torch.optim.adam": "Adam",
    "torch.optim.adamax": "Adamax",
    "torch.optim.adamw": "AdamW",
    "torch.optim.asgd": "ASGD",
    "torch.optim.lr_scheduler": (
        "ChainedScheduler ConstantLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR ExponentialLR "
        "LinearLR MultiStepLR OneCycleLR PolynomialLR ReduceLROnPlateau SequentialLR StepLR"
    ),
    "torch.optim.nadam": "NAdam",
    "torch.optim.radam": "RAdam",
    "torch.optim.rmsprop": "RMSprop",
    "torch.optim.rprop": "Rprop",
    "torch.optim.sgd": "SGD",
}

#: methods that expressions may call on what a config built, by the function that the object's class has
METHODS: Mapping[str, str] = {
    "torch.nn.modules.module": "Module.cpu Module.cuda Module.eval Module.named_parameters Module.parameters Module.to"
    " Module.train",
}

#: arguments that must not be given, or must be false, also where that is not their default
GUARDS: Mapping[str, tuple[str, ...]] = {
    "monai.networks.nets.ahnet.AHNet": ("pretrained",),
    "monai.networks.nets.densenet.DenseNet121": ("pretrained",),
    "monai.networks.nets.densenet.DenseNet169": ("pretrained",),
    "monai.networks.nets.densenet.DenseNet201": ("pretrained",),
    "monai.networks.nets.densenet.DenseNet264": ("pretrained",),
    "monai.networks.nets.efficientnet.EfficientNetBN": ("pretrained",),
    "monai.networks.nets.flexible_unet.FlexibleUNet": ("pretrained",),
    "monai.networks.nets.hovernet.HoVerNet": ("pretrained_url",),
    "monai.networks.nets.senet.SENet154": ("pretrained",),
    "monai.networks.nets.senet.SEResNet50": ("pretrained",),
    "monai.networks.nets.senet.SEResNet101": ("pretrained",),
    "monai.networks.nets.senet.SEResNet152": ("pretrained",),
    "monai.networks.nets.senet.SEResNext50": ("pretrained",),
    "monai.networks.nets.senet.SEResNext101": ("pretrained",),
}

#: transforms that open the image files which their caller's data name: only with one of `READERS`, given by its name,
#: and without further arguments, which go to the reader. (`NumpyReader` refuses pickles unless such an argument says
#: otherwise; earlier versions of MONAI let it read them, and are refused.)
IMAGE_LOADERS = frozenset({"monai.transforms.io.array.LoadImage", "monai.transforms.io.dictionary.LoadImaged"})
READERS = frozenset({"ITKReader", "NibabelReader", "NrrdReader", "NumpyReader", "PILReader", "PydicomReader"})

#: plain functions of the standard library that look at their arguments only
PURE: Mapping[str, str] = {
    "math": "ceil cos degrees exp fabs floor gcd hypot isclose isfinite isinf isnan log log10 log2 radians sin sqrt"
    " tan",
    "os.path": "basename dirname isabs join normpath split splitext",
}

#: values that may be named
CONSTANTS: Mapping[str, str] = {
    "math": "e inf nan pi tau",
    "numpy": "float16 float32 float64 inf int16 int32 int64 int8 nan pi uint16 uint32 uint64 uint8",
    "os": "sep",
    "torch": "bfloat16 bool double float float16 float32 float64 half inf int int16 int32 int64 int8 long nan pi short"
    " uint8",
}
