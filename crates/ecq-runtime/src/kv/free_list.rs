//! The free blocks of a group in the order in which they are taken.

/// Marks a block that is not in the list.
const NOT_LISTED: u32 = u32::MAX;

/// A doubly linked list of block numbers whose links lie in two vectors, so that every operation is O(1).
///
/// The links form a ring through an extra node behind the last block, so that the ends are no special cases.
#[derive(Clone, Debug)]
pub(super) struct FreeList {
    previous: Vec<u32>,
    next: Vec<u32>,
    len: usize,
}

impl FreeList {
    /// A list of the blocks 0 to `blocks - 1` in this order.
    pub(super) fn with_all(blocks: u32) -> Self {
        let nodes = blocks as usize + 1;
        let mut list = Self { previous: vec![NOT_LISTED; nodes], next: vec![NOT_LISTED; nodes], len: 0 };
        list.link(blocks, blocks);
        (0..blocks).for_each(|block| list.push_back(block));
        list
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The extra node: the one before the head and behind the tail.
    fn sentinel(&self) -> u32 {
        (self.next.len() - 1) as u32
    }

    fn link(&mut self, before: u32, behind: u32) {
        self.next[before as usize] = behind;
        self.previous[behind as usize] = before;
    }

    /// Adds a block that is not in the list in front of all others.
    pub(super) fn push_front(&mut self, block: u32) {
        self.insert(self.sentinel(), block, self.next[self.sentinel() as usize]);
    }

    /// Adds a block that is not in the list behind all others.
    pub(super) fn push_back(&mut self, block: u32) {
        self.insert(self.previous[self.sentinel() as usize], block, self.sentinel());
    }

    fn insert(&mut self, before: u32, block: u32, behind: u32) {
        debug_assert!(!self.contains(block));
        self.link(before, block);
        self.link(block, behind);
        self.len += 1;
    }

    pub(super) fn pop_front(&mut self) -> Option<u32> {
        let head = self.next[self.sentinel() as usize];
        (head != self.sentinel()).then(|| {
            self.remove(head);
            head
        })
    }

    /// Takes a block that is in the list out of it.
    pub(super) fn remove(&mut self, block: u32) {
        debug_assert!(self.contains(block) && block != self.sentinel());
        self.link(self.previous[block as usize], self.next[block as usize]);
        self.previous[block as usize] = NOT_LISTED;
        self.next[block as usize] = NOT_LISTED;
        self.len -= 1;
    }

    pub(super) fn contains(&self, block: u32) -> bool {
        self.next[block as usize] != NOT_LISTED
    }

    /// The blocks from head to tail.
    #[cfg(test)]
    pub(super) fn blocks(&self) -> Vec<u32> {
        let step = |&node: &u32| Some(self.next[node as usize]);
        std::iter::successors(step(&self.sentinel()), step)
            .take_while(|&node| node != self.sentinel())
            .collect()
    }
}
