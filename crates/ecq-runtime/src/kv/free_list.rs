//! Free blocks of a group, in allocation order.

/// Link of a block that is not in the list.
const NOT_LISTED: u32 = u32::MAX;

/// A doubly linked list of block numbers with O(1) operations; the links are in two vectors.
///
/// An extra node (the sentinel) joins both ends, so that the list is circular and its ends need no special
/// case.
#[derive(Clone, Debug)]
pub(super) struct FreeList {
    previous: Vec<u32>,
    next: Vec<u32>,
    len: usize,
}

impl FreeList {
    /// Creates a list of the blocks 0 to `blocks - 1`, in this order.
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

    /// Returns the index of the extra node, which precedes the head and follows the tail.
    fn sentinel(&self) -> u32 {
        (self.next.len() - 1) as u32
    }

    fn link(&mut self, before: u32, after: u32) {
        self.next[before as usize] = after;
        self.previous[after as usize] = before;
    }

    /// Adds an unlisted block at the front.
    pub(super) fn push_front(&mut self, block: u32) {
        self.insert(self.sentinel(), block, self.next[self.sentinel() as usize]);
    }

    /// Adds an unlisted block at the back.
    pub(super) fn push_back(&mut self, block: u32) {
        self.insert(self.previous[self.sentinel() as usize], block, self.sentinel());
    }

    fn insert(&mut self, before: u32, block: u32, after: u32) {
        debug_assert!(!self.contains(block));
        self.link(before, block);
        self.link(block, after);
        self.len += 1;
    }

    pub(super) fn pop_front(&mut self) -> Option<u32> {
        let head = self.next[self.sentinel() as usize];
        (head != self.sentinel()).then(|| {
            self.remove(head);
            head
        })
    }

    /// Removes a listed block.
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

    /// Returns the blocks from front to back.
    #[cfg(test)]
    pub(super) fn blocks(&self) -> Vec<u32> {
        let step = |&node: &u32| Some(self.next[node as usize]);
        std::iter::successors(step(&self.sentinel()), step)
            .take_while(|&node| node != self.sentinel())
            .collect()
    }
}
