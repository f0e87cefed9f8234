

imagePlaceholder

unknownConst
.
%StatefulPartitionedCall/Reshape/shapeConst

	unknown_0Const

	unknown_1Const
4
+StatefulPartitionedCall/strided_slice/stackConst
6
-StatefulPartitionedCall/strided_slice/stack_1Const
6
-StatefulPartitionedCall/strided_slice/stack_2Const
X
OStatefulPartitionedCall/non_max_suppression/NonMaxSuppressionV3/max_output_sizeConst
B
9StatefulPartitionedCall/non_max_suppression/iou_thresholdConst
D
;StatefulPartitionedCall/non_max_suppression/score_thresholdConst
.
%StatefulPartitionedCall/GatherV2/axisConst
(
StatefulPartitionedCall/Conv2DConv2D
$
StatefulPartitionedCall/ReluRelu
*
StatefulPartitionedCall/ReshapeReshape
(
StatefulPartitionedCall/matmulMatMul
*
 StatefulPartitionedCall/matmul_1MatMul
*
StatefulPartitionedCall/SigmoidSigmoid
5
%StatefulPartitionedCall/strided_sliceStridedSlice
V
?StatefulPartitionedCall/non_max_suppression/NonMaxSuppressionV3NonMaxSuppressionV3
,
 StatefulPartitionedCall/GatherV2GatherV2

IdentityIdentity
.
"StatefulPartitionedCall/GatherV2_1GatherV2


Identity_1Identity"Ú