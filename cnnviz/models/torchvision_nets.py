"""torchvision's CNNs, a row each: the name, the weights and what they cost. Needs neither torch nor torchvision."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TorchvisionNet:
    """A torchvision CNN: its best ImageNet weights, the file they come in, and what they cost."""

    name: str
    title: str
    weights: str  # torchvision's name without IMAGENET1K_
    file: str  # without .pth
    parameters: int
    mebibytes: float  # of the download
    side: int  # of the square input, px


TORCHVISION: tuple[TorchvisionNet, ...] = (
    TorchvisionNet("alexnet", "AlexNet", "V1", "alexnet-owt-7be5be79", 61_100_840, 233.087, 224),
    TorchvisionNet("convnext_base", "ConvNeXt base", "V1", "convnext_base-6075fbad", 88_591_464, 338.064, 224),
    TorchvisionNet("convnext_large", "ConvNeXt large", "V1", "convnext_large-ea097f82", 197_767_336, 754.537, 224),
    TorchvisionNet("convnext_small", "ConvNeXt small", "V1", "convnext_small-0c510722", 50_223_688, 191.703, 224),
    TorchvisionNet("convnext_tiny", "ConvNeXt tiny", "V1", "convnext_tiny-983f1562", 28_589_128, 109.119, 224),
    TorchvisionNet("densenet121", "DenseNet-121", "V1", "densenet121-a639ec97", 7_978_856, 30.845, 224),
    TorchvisionNet("densenet161", "DenseNet-161", "V1", "densenet161-8d451a50", 28_681_000, 110.369, 224),
    TorchvisionNet("densenet169", "DenseNet-169", "V1", "densenet169-b2777c0a", 14_149_480, 54.708, 224),
    TorchvisionNet("densenet201", "DenseNet-201", "V1", "densenet201-c1103571", 20_013_928, 77.373, 224),
    TorchvisionNet(
        "efficientnet_b0", "EfficientNet B0", "V1", "efficientnet_b0_rwightman-7f5810bc", 5_288_548, 20.451, 224
    ),
    TorchvisionNet("efficientnet_b1", "EfficientNet B1", "V2", "efficientnet_b1-c27df63c", 7_794_184, 30.136, 240),
    TorchvisionNet(
        "efficientnet_b2", "EfficientNet B2", "V1", "efficientnet_b2_rwightman-c35c1473", 9_109_994, 35.174, 288
    ),
    TorchvisionNet(
        "efficientnet_b3", "EfficientNet B3", "V1", "efficientnet_b3_rwightman-b3899882", 12_233_232, 47.184, 300
    ),
    TorchvisionNet(
        "efficientnet_b4", "EfficientNet B4", "V1", "efficientnet_b4_rwightman-23ab8bcd", 19_341_616, 74.489, 380
    ),
    TorchvisionNet(
        "efficientnet_b5", "EfficientNet B5", "V1", "efficientnet_b5_lukemelas-1a07897c", 30_389_784, 116.864, 456
    ),
    TorchvisionNet(
        "efficientnet_b6", "EfficientNet B6", "V1", "efficientnet_b6_lukemelas-24a108a5", 43_040_704, 165.362, 528
    ),
    TorchvisionNet(
        "efficientnet_b7", "EfficientNet B7", "V1", "efficientnet_b7_lukemelas-c5b4e57e", 66_347_960, 254.675, 600
    ),
    TorchvisionNet(
        "efficientnet_v2_l", "EfficientNetV2 L", "V1", "efficientnet_v2_l-59c71312", 118_515_272, 454.573, 480
    ),
    TorchvisionNet(
        "efficientnet_v2_m", "EfficientNetV2 M", "V1", "efficientnet_v2_m-dc08266a", 54_139_356, 208.01, 480
    ),
    TorchvisionNet(
        "efficientnet_v2_s", "EfficientNetV2 S", "V1", "efficientnet_v2_s-dd5fe13b", 21_458_488, 82.704, 384
    ),
    TorchvisionNet("googlenet", "GoogLeNet (Inception v1)", "V1", "googlenet-1378be20", 6_624_904, 49.731, 224),
    TorchvisionNet("inception_v3", "Inception v3", "V1", "inception_v3_google-0cc3c7bd", 27_161_264, 103.903, 299),
    TorchvisionNet("mnasnet0_5", "MNASNet 0.5", "V1", "mnasnet0.5_top1_67.823-3ffadce67e", 2_218_512, 8.591, 224),
    TorchvisionNet("mnasnet0_75", "MNASNet 0.75", "V1", "mnasnet0_75-7090bc5f", 3_170_208, 12.303, 224),
    TorchvisionNet("mnasnet1_0", "MNASNet 1.0", "V1", "mnasnet1.0_top1_73.512-f206786ef8", 4_383_312, 16.915, 224),
    TorchvisionNet("mnasnet1_3", "MNASNet 1.3", "V1", "mnasnet1_3-a4c69d6f", 6_282_256, 24.246, 224),
    TorchvisionNet("mobilenet_v2", "MobileNet v2", "V2", "mobilenet_v2-7ebf99e0", 3_504_872, 13.598, 224),
    TorchvisionNet(
        "mobilenet_v3_large", "MobileNet v3 large", "V2", "mobilenet_v3_large-5c1a4163", 5_483_032, 21.107, 224
    ),
    TorchvisionNet(
        "mobilenet_v3_small", "MobileNet v3 small", "V1", "mobilenet_v3_small-047dcff4", 2_542_856, 9.829, 224
    ),
    TorchvisionNet("regnet_x_1_6gf", "RegNetX-1.6GF", "V2", "regnet_x_1_6gf-a12f2b72", 9_190_136, 35.339, 224),
    TorchvisionNet("regnet_x_3_2gf", "RegNetX-3.2GF", "V2", "regnet_x_3_2gf-7071aa85", 15_296_552, 58.756, 224),
    TorchvisionNet("regnet_x_8gf", "RegNetX-8GF", "V2", "regnet_x_8gf-2b70d774", 39_572_648, 151.456, 224),
    TorchvisionNet("regnet_x_16gf", "RegNetX-16GF", "V2", "regnet_x_16gf-ba3796d7", 54_278_536, 207.627, 224),
    TorchvisionNet("regnet_x_32gf", "RegNetX-32GF", "V2", "regnet_x_32gf-6eb8fdc6", 107_811_560, 412.039, 224),
    TorchvisionNet("regnet_x_400mf", "RegNetX-400MF", "V2", "regnet_x_400mf-62229a5f", 5_495_976, 21.257, 224),
    TorchvisionNet("regnet_x_800mf", "RegNetX-800MF", "V2", "regnet_x_800mf-94a99ebd", 7_259_656, 27.945, 224),
    TorchvisionNet("regnet_y_1_6gf", "RegNetY-1.6GF", "V2", "regnet_y_1_6gf-0d7bc02a", 11_202_430, 43.152, 224),
    TorchvisionNet("regnet_y_3_2gf", "RegNetY-3.2GF", "V2", "regnet_y_3_2gf-9180c971", 19_436_338, 74.567, 224),
    TorchvisionNet("regnet_y_8gf", "RegNetY-8GF", "V2", "regnet_y_8gf-dc2b1b54", 39_381_472, 150.701, 224),
    TorchvisionNet("regnet_y_16gf", "RegNetY-16GF", "V2", "regnet_y_16gf-3e4a00f9", 83_590_140, 319.49, 224),
    TorchvisionNet("regnet_y_32gf", "RegNetY-32GF", "V2", "regnet_y_32gf-8db6d4b5", 145_046_770, 554.076, 224),
    TorchvisionNet(
        "regnet_y_128gf", "RegNetY-128GF", "SWAG_E2E_V1", "regnet_y_128gf_swag-c8ce3e52", 644_812_894, 2461.564, 384
    ),
    TorchvisionNet("regnet_y_400mf", "RegNetY-400MF", "V2", "regnet_y_400mf-e6988f5f", 4_344_144, 16.806, 224),
    TorchvisionNet("regnet_y_800mf", "RegNetY-800MF", "V2", "regnet_y_800mf-58fc7688", 6_432_512, 24.774, 224),
    TorchvisionNet("resnet18", "ResNet-18", "V1", "resnet18-f37072fd", 11_689_512, 44.661, 224),
    TorchvisionNet("resnet34", "ResNet-34", "V1", "resnet34-b627a593", 21_797_672, 83.275, 224),
    TorchvisionNet("resnet50", "ResNet-50", "V2", "resnet50-11ad3fa6", 25_557_032, 97.79, 224),
    TorchvisionNet("resnet101", "ResNet-101", "V2", "resnet101-cd907fc2", 44_549_160, 170.53, 224),
    TorchvisionNet("resnet152", "ResNet-152", "V2", "resnet152-f82ba261", 60_192_808, 230.474, 224),
    TorchvisionNet("resnext50_32x4d", "ResNeXt-50 32x4d", "V2", "resnext50_32x4d-1a0047aa", 25_028_904, 95.833, 224),
    TorchvisionNet(
        "resnext101_32x8d", "ResNeXt-101 32x8d", "V2", "resnext101_32x8d-110c445d", 88_791_336, 339.673, 224
    ),
    TorchvisionNet(
        "resnext101_64x4d", "ResNeXt-101 64x4d", "V1", "resnext101_64x4d-173b62eb", 83_455_272, 319.318, 224
    ),
    TorchvisionNet(
        "shufflenet_v2_x0_5", "ShuffleNet v2 x0.5", "V1", "shufflenetv2_x0.5-f707e7126e", 1_366_792, 5.282, 224
    ),
    TorchvisionNet(
        "shufflenet_v2_x1_0", "ShuffleNet v2 x1.0", "V1", "shufflenetv2_x1-5666bf0f80", 2_278_604, 8.791, 224
    ),
    TorchvisionNet(
        "shufflenet_v2_x1_5", "ShuffleNet v2 x1.5", "V1", "shufflenetv2_x1_5-3c479a10", 3_503_624, 13.557, 224
    ),
    TorchvisionNet(
        "shufflenet_v2_x2_0", "ShuffleNet v2 x2.0", "V1", "shufflenetv2_x2_0-8be3c8ee", 7_393_996, 28.433, 224
    ),
    TorchvisionNet("squeezenet1_0", "SqueezeNet 1.0", "V1", "squeezenet1_0-b66bff10", 1_248_424, 4.778, 224),
    TorchvisionNet("squeezenet1_1", "SqueezeNet 1.1", "V1", "squeezenet1_1-b8a52dc0", 1_235_496, 4.729, 224),
    TorchvisionNet("vgg11", "VGG-11", "V1", "vgg11-8a719046", 132_863_336, 506.84, 224),
    TorchvisionNet("vgg11_bn", "VGG-11 with batch norm", "V1", "vgg11_bn-6002323d", 132_868_840, 506.881, 224),
    TorchvisionNet("vgg13", "VGG-13", "V1", "vgg13-19584684", 133_047_848, 507.545, 224),
    TorchvisionNet("vgg13_bn", "VGG-13 with batch norm", "V1", "vgg13_bn-abd245e5", 133_053_736, 507.59, 224),
    TorchvisionNet("vgg16", "VGG-16", "V1", "vgg16-397923af", 138_357_544, 527.796, 224),
    TorchvisionNet("vgg16_bn", "VGG-16 with batch norm", "V1", "vgg16_bn-6c64b313", 138_365_992, 527.866, 224),
    TorchvisionNet("vgg19", "VGG-19", "V1", "vgg19-dcbb9e9d", 143_667_240, 548.051, 224),
    TorchvisionNet("vgg19_bn", "VGG-19 with batch norm", "V1", "vgg19_bn-c79401a0", 143_678_248, 548.143, 224),
    TorchvisionNet("wide_resnet50_2", "Wide ResNet-50-2", "V2", "wide_resnet50_2-9ba9bcbe", 68_883_240, 263.124, 224),
    TorchvisionNet(
        "wide_resnet101_2", "Wide ResNet-101-2", "V2", "wide_resnet101_2-d733dc28", 126_886_696, 484.747, 224
    ),
)
