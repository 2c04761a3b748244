//! Commands that one kernel can do together.

use crate::commands::{Builder, Launch, THREADS};
use crate::compiler::Program as KernelProgram;
use crate::kernels::ROWS;
use crate::module::Grid;
use crate::parameters::{NormParameters, NormTuplesParameters, RotateAppendParameters, TupleActivations};
use crate::products::{Prepared, Product, ProductInput};
use ecq_runtime::RuntimeError;
use ecq_runtime::program::{Command, Norm, Output, Rows};

type Result<T> = std::result::Result<T, RuntimeError>;

impl Builder<'_> {
    /// Returns the launches of several commands that one kernel or two can do, and their number; `None` if
    /// the first commands are no such sequence.
    pub(crate) fn sequence(&mut self, commands: &[&Command]) -> Result<Option<(usize, Vec<Launch>)>> {
        let found = match commands {
            [add @ Command::Add { .. }, norm @ Command::Norm { .. }, others @ ..]
                if self.adds_before(add, norm) =>
            {
                let products = match others.first() {
                    Some(linear) => self.pair(norm, Some(add), &[linear])?,
                    None => None,
                };
                match products {
                    Some((_, launches)) => (3, launches),
                    None => (2, vec![self.norm(norm, Some(add), Prepared::None)?]),
                }
            }
            [first @ (Command::Norm { .. } | Command::Activate { .. }), others @ ..] => {
                match self.pair(first, None, others)? {
                    Some((count, launches)) => (1 + count, launches),
                    None => return Ok(None),
                }
            }
            [Command::Linear { rows: Rows::Batch, x, outputs }, add, ..] => {
                let Some(product) = self.added_product(outputs, add)? else { return Ok(None) };
                let [_, cols] = self.weight_of(&outputs[0]).shape();
                let (resources, rows) = (self.resources, self.rows(Rows::Batch));
                let input = ProductInput { x: resources.address(*x), cols, rows };
                (2, resources.shared.products(input, &[product], &mut |bytes| self.shared_scratch(bytes))?)
            }
            [
                queries @ Command::Rotate { head_dim, .. },
                keys @ Command::Rotate { x, heads, head_dim: own, .. },
                append_keys @ Command::Append { x: from, heads: stored, .. },
                append_values @ Command::Append { heads: values, .. },
                ..,
            ] if head_dim == own && x == from && heads == stored => {
                let parameters = RotateAppendParameters {
                    queries: self.rotation(queries),
                    keys: self.rotation(keys),
                    append_keys: self.append(append_keys),
                    append_values: self.append(append_values),
                };
                let all = parameters.queries.heads as usize + heads + values;
                let blocks = [all.div_ceil(THREADS / 32), self.rows(Rows::Batch).most];
                (4, vec![self.resources.shared.rows_kernel("rotate_append", blocks, &parameters)?])
            }
            _ => return Ok(None),
        };
        Ok(Some(found))
    }

    /// Returns whether a norm can add what `add` adds to its activations.
    fn adds_before(&self, add: &Command, norm: &Command) -> bool {
        let &Command::Add { y: to, width, .. } = add else { return false };
        let &Command::Norm { ref norm, rows, heads, x, y } = norm else { return false };
        // Batch rows are those that an addition adds.
        rows == Rows::Batch && heads == 1 && x == to && y != x && width == self.resources.len(norm.weight())
    }

    /// Returns the product of one matrix whose result the kernel adds itself, as the command after it does;
    /// `None` if it cannot.
    fn added_product(&self, outputs: &[Output], add: &Command) -> Result<Option<Product>> {
        let ([output], &Command::Add { x, scale, y, width }) = (outputs, add) else { return Ok(None) };
        if x != output.y || y == x || width != output.range.len() {
            return Ok(None);
        }
        let product = Product { sum: Some((self.address(y), scale)), ..self.product(output)? };
        Ok(Some(product).filter(Product::adds))
    }

    /// Returns the launches of a norm or an activation function and of what follows it: products, if the
    /// first one can write what they read, and the addition of their result. Also returns the number of
    /// commands that follow.
    fn pair(
        &mut self,
        first: &Command,
        added: Option<&Command>,
        others: &[&Command],
    ) -> Result<Option<(usize, Vec<Launch>)>> {
        let [Command::Linear { rows, x, outputs }, others @ ..] = others else { return Ok(None) };
        let (rows, x) = (*rows, *x);
        let width = match *first {
            Command::Norm { ref norm, rows: own, heads: 1, y, .. } if own == rows && y == x => {
                self.resources.len(norm.weight())
            }
            Command::Activate { x: own, width, .. } if rows == Rows::Batch && own == x => width,
            _ => return Ok(None),
        };
        let sum = match others.first() {
            Some(add) if rows == Rows::Batch => self.added_product(outputs, add)?,
            _ => None,
        };
        let (count, products) = match sum {
            Some(product) => (2, vec![product]),
            None => (1, outputs.iter().map(|output| self.product(output)).collect::<Result<Vec<_>>>()?),
        };
        let (resources, rows) = (self.resources, self.rows(rows));
        let input = ProductInput { x: resources.address(x), cols: width, rows };
        let scratch = &mut |bytes| self.shared_scratch(bytes);
        let found = resources.shared.prepared_products(input, &products, scratch)?;
        let Some((next, products)) = found else { return Ok(None) };
        let launch = match *first {
            Command::Activate { activation, x, up, .. } => {
                let up = up.map_or(0, |up| self.address(up));
                resources.activate_for_products(activation, self.address(x), up, rows, next)?
            }
            _ => match next {
                Prepared::Tuples(next) => match self.norm_tuples(first, added, next)? {
                    Some(launch) => launch,
                    None => return Ok(None),
                },
                _ => self.norm(first, added, next)?,
            },
        };
        let mut launches = vec![launch];
        launches.extend(products);
        Ok(Some((count, launches)))
    }

    /// Returns the launch of a norm that writes digits; `None` if it subtracts a mean, or has to add
    /// something first, which only one block of a row could do.
    fn norm_tuples(
        &self,
        command: &Command,
        added: Option<&Command>,
        next: TupleActivations,
    ) -> Result<Option<Launch>> {
        let &Command::Norm { norm: Norm::Rms { weight, eps }, rows, x, y, .. } = command else {
            return Ok(None);
        };
        if added.is_some() || x == y {
            return Ok(None);
        }
        let (rows, width) = (self.rows(rows), self.resources.len(weight));
        let parameters = NormTuplesParameters {
            x: self.address(x),
            y: self.address(y),
            weight: self.address(weight),
            active: rows.address,
            which: rows.which,
            width: width as u32,
            lanes: norm_threads(width) as u32,
            eps,
            next,
        };
        let blocks = [next.segments as usize, rows.most];
        Ok(Some(self.resources.shared.rows_kernel("norm_tuples", blocks, &parameters)?))
    }

    pub(crate) fn norm(&self, command: &Command, added: Option<&Command>, next: Prepared) -> Result<Launch> {
        let &Command::Norm { ref norm, rows, heads, x, y } = command else { return Err(mismatch()) };
        let rows = self.rows(rows);
        let width = self.resources.len(norm.weight());
        let (bias, layer, eps) = match *norm {
            Norm::Rms { eps, .. } => (0, 0, eps),
            Norm::Layer { bias, eps, .. } => (self.address(bias), 1, eps),
        };
        let (added, added_scale) = match added {
            Some(&Command::Add { x, scale, .. }) => (self.address(x), scale),
            _ => (0, 0.0),
        };
        let parameters = NormParameters {
            x: self.address(x),
            y: self.address(y),
            weight: self.address(norm.weight()),
            bias,
            added,
            active: rows.address,
            which: rows.which,
            heads: heads as u32,
            width: width as u32,
            layer,
            eps,
            added_scale,
            next: next.blocks(),
        };
        let kernel = self.resources.shared.kernel(&KernelProgram::new(ROWS, &[]), "norm_rows")?;
        let grid = Grid::new([rows.most * heads, 1, 1], norm_threads(width));
        Ok(Launch::new(kernel, grid, &parameters))
    }
}

/// Returns the threads of a norm. They depend on the width alone, as the order of sums does.
fn norm_threads(width: usize) -> usize {
    width.div_ceil(4).next_multiple_of(32).clamp(32, 1024)
}

fn mismatch() -> RuntimeError {
    RuntimeError::Binding("a command of another kind than the launch".to_owned())
}
