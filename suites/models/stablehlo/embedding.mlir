// Rows of a table by token, a sum of rows by segment, and one row written over: gather, scatter, dynamic slices.
module @embedding {
  func.func @main(%table: tensor<12x6xf32>, %tokens: tensor<2x5xi32>, %segments: tensor<10xi32>) -> (tensor<2x5x6xf32>, tensor<10x6xf32>, tensor<12x6xf32>) {
    %zero = stablehlo.constant dense<0> : tensor<i32>
    %three = stablehlo.constant dense<3> : tensor<i32>
    %zeros = stablehlo.constant dense<0.0> : tensor<10x6xf32>
    %places = stablehlo.reshape %tokens : (tensor<2x5xi32>) -> tensor<2x5x1xi32>
    %rows = "stablehlo.gather"(%table, %places) <{dimension_numbers = #stablehlo.gather<offset_dims = [2], collapsed_slice_dims = [0], start_index_map = [0], index_vector_dim = 2>, slice_sizes = array<i64: 1, 6>, indices_are_sorted = false}> : (tensor<12x6xf32>, tensor<2x5x1xi32>) -> tensor<2x5x6xf32>
    %flat = stablehlo.reshape %rows : (tensor<2x5x6xf32>) -> tensor<10x6xf32>
    %where = stablehlo.reshape %segments : (tensor<10xi32>) -> tensor<10x1xi32>
    %sums = "stablehlo.scatter"(%zeros, %where, %flat) <{scatter_dimension_numbers = #stablehlo.scatter<update_window_dims = [1], inserted_window_dims = [0], scatter_dims_to_operand_dims = [0], index_vector_dim = 1>, indices_are_sorted = false, unique_indices = false}> ({
    ^bb0(%old: tensor<f32>, %new: tensor<f32>):
      %sum = stablehlo.add %old, %new : tensor<f32>
      stablehlo.return %sum : tensor<f32>
    }) : (tensor<10x6xf32>, tensor<10x1xi32>, tensor<10x6xf32>) -> tensor<10x6xf32>
    %first = stablehlo.dynamic_slice %sums, %three, %zero, sizes = [1, 6] : (tensor<10x6xf32>, tensor<i32>, tensor<i32>) -> tensor<1x6xf32>
    %written = stablehlo.dynamic_update_slice %table, %first, %three, %zero : (tensor<12x6xf32>, tensor<1x6xf32>, tensor<i32>, tensor<i32>) -> tensor<12x6xf32>
    return %rows, %sums, %written : tensor<2x5x6xf32>, tensor<10x6xf32>, tensor<12x6xf32>
  }
}
