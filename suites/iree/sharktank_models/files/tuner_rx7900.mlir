// The tiles of the one product of step.mlir on gfx1100, in place of the compiler's own choice.
module attributes { transform.with_named_sequence } {
  transform.named_sequence @is_product(%op: !transform.any_op {transform.readonly})
      -> (!transform.any_op, !transform.any_param) {
    transform.match.operation_name %op ["linalg.generic"] : !transform.any_op
    %left = transform.get_operand %op[0] : (!transform.any_op) -> !transform.any_value
    %right = transform.get_operand %op[1] : (!transform.any_op) -> !transform.any_value
    transform.iree.match.cast_compatible_type %left = tensor<4x32xf32> : !transform.any_value
    transform.iree.match.cast_compatible_type %right = tensor<32x32xf32> : !transform.any_value
    %config = transform.param.constant #iree_codegen.compilation_info<
        lowering_config = #iree_gpu.lowering_config<{reduction = [0, 0, 16], thread = [1, 4, 0], workgroup = [4, 32, 0]}>,
        translation_info = #iree_codegen.translation_info<pipeline = #iree_gpu.pipeline<TileAndFuse>
            workgroup_size = [32, 1, 1] subgroup_size = 32>> -> !transform.any_param
    transform.yield %op, %config : !transform.any_op, !transform.any_param
  }

  transform.named_sequence @configure(%op: !transform.any_op {transform.readonly},
                                      %config: !transform.any_param {transform.readonly}) {
    transform.annotate %op "compilation_info" = %config : !transform.any_op, !transform.any_param
    transform.yield
  }

  transform.named_sequence @__kernel_config(%variant: !transform.any_op {transform.consumed}) {
    %done = transform.foreach_match in %variant @is_product -> @configure : (!transform.any_op) -> !transform.any_op
    transform.yield
  }
}
