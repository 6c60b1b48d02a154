package representation

import "math"

// assignment is the smallest sum of cost[i, columns[i]] over all permutations columns of 0..n-1: the linear
// assignment problem, solved exactly. cost is [n, n], row-major and finite.
//
// Each row in turn is joined by a shortest augmenting path under the reduced costs cost[i, j] - u_i - v_j >= 0, which
// are 0 on the pairs already made (Jonker and Volgenant 1987, doi:10.1007/BF02278710, without their
// initialisation). It takes at most n³ steps.
func assignment(cost []float64, n int) (columns []int, total float64) {
	rowOf := make([]int, n) // of each column; -1: free
	for j := range rowOf {
		rowOf[j] = -1
	}
	columns = make([]int, n)
	u, v := make([]float64, n), make([]float64, n)
	length := make([]float64, n) // of the shortest path known to each column
	from := make([]int, n)       // the row before it
	done := make([]bool, n)
	for start := range n {
		for j := range n {
			length[j], done[j] = math.Inf(1), false
		}
		row, reached, end := start, 0.0, -1
		for end < 0 {
			next, shortest := -1, math.Inf(1)
			for j, c := range cost[row*n : (row+1)*n] {
				if done[j] {
					continue
				}
				if l := reached + c - u[row] - v[j]; l < length[j] {
					length[j], from[j] = l, row
				}
				if length[j] < shortest {
					next, shortest = j, length[j]
				}
			}
			done[next], reached = true, shortest
			if rowOf[next] < 0 {
				end = next
			} else {
				row = rowOf[next]
			}
		}
		u[start] += reached
		for j := range n {
			if done[j] && j != end {
				u[rowOf[j]] += reached - length[j]
				v[j] -= reached - length[j]
			}
		}
		for j := end; ; {
			i := from[j]
			rowOf[j] = i
			j, columns[i] = columns[i], j
			if i == start {
				break
			}
		}
	}
	for i, j := range columns {
		total += cost[i*n+j]
	}
	return columns, total
}
