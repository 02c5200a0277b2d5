//! The fifty products, the same on every instance and in every run.

use serde::{Serialize, Serializer};
use std::sync::LazyLock;

/// The categories and the ten products of each.
const SHELVES: [(&str, [&str; 10]); 5] = [
    (
        "kitchen",
        [
            "Cast iron pan",
            "Tea kettle",
            "Bread knife",
            "Salad bowl",
            "Pepper mill",
            "Pour-over set",
            "Cutting board",
            "Soup ladle",
            "Mixing bowls",
            "Kitchen scale",
        ],
    ),
    (
        "garden",
        [
            "Watering can",
            "Pruning shears",
            "Clay pot",
            "Bird feeder",
            "Hand trowel",
            "Rain gauge",
            "Seed box",
            "Garden hose",
            "Compost bin",
            "Leaf rake",
        ],
    ),
    (
        "office",
        [
            "Desk lamp",
            "Fountain pen",
            "Paper tray",
            "Wall clock",
            "Notebook",
            "Desk mat",
            "Pencil case",
            "Letter opener",
            "Monitor stand",
            "Cork board",
        ],
    ),
    (
        "outdoor",
        [
            "Camp stove",
            "Sleeping bag",
            "Head lamp",
            "Dry bag",
            "Trail map",
            "Rope, 20 m",
            "Pocket compass",
            "Water filter",
            "Folding chair",
            "Rain poncho",
        ],
    ),
    (
        "music",
        [
            "Tambourine",
            "Guitar strings",
            "Music stand",
            "Metronome",
            "Harmonica",
            "Drum sticks",
            "Tuning fork",
            "Violin bow",
            "Kalimba",
            "Reed set",
        ],
    ),
];

const COUNTRIES: [&str; 4] = ["PT", "DK", "JP", "CA"];
const READERS: [&str; 5] = ["Ada", "Bo", "Chidi", "Dolores", "Emre"];
const VERDICTS: [&str; 4] = [
    "Does what it says, every day.",
    "Arrived early and well packed. Would buy it again.",
    "Good, but smaller than I thought.",
    "My neighbour has borrowed it twice and did not want to give it back.",
];

/// One product, with parts nested in it so that selecting fields has something to select.
#[derive(Debug, Serialize)]
pub(crate) struct Product {
    pub(crate) id: u32,
    pub(crate) name: &'static str,
    pub(crate) category: &'static str,
    pub(crate) price: Price,
    pub(crate) currency: &'static str,
    pub(crate) stock: u32,
    pub(crate) description: String,
    pub(crate) image: String,
    pub(crate) supplier: Supplier,
    pub(crate) reviews: Vec<Review>,
}

/// An amount in cents, so that no sum is ever rounded; euros with their cents in JSON, as `24.95`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Price(pub(crate) u32);

impl Price {
    /// The price of so many. Amounts beyond 42 million euros stay there.
    pub(crate) fn times(self, quantity: u32) -> Self {
        Self(self.0.saturating_mul(quantity))
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 100.0)
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct Supplier {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) country: &'static str,
}

#[derive(Debug, Serialize)]
pub(crate) struct Review {
    pub(crate) author: &'static str,
    /// 1 to 5.
    pub(crate) stars: u32,
    pub(crate) text: &'static str,
}

/// All products, by id from 1.
pub(crate) static PRODUCTS: LazyLock<Vec<Product>> = LazyLock::new(|| {
    let named = SHELVES.iter().flat_map(|(category, names)| names.iter().map(move |name| (*category, *name)));
    (1..).zip(named).map(|(id, (category, name))| product(id, category, name)).collect()
});

/// The names of the categories.
pub(crate) fn categories() -> impl Iterator<Item = &'static str> {
    SHELVES.iter().map(|(category, _)| *category)
}

/// The product of that id. Only the plain decimal form is an id: `7`, neither `07` nor `+7`.
pub(crate) fn product_named(id: &str) -> Option<&'static Product> {
    PRODUCTS.iter().find(|product| product.id.to_string() == id)
}

/// The product of that id.
pub(crate) fn product_numbered(id: u64) -> Option<&'static Product> {
    PRODUCTS.get(usize::try_from(id.checked_sub(1)?).ok()?)
}

/// The numbers are spread by multiplying with primes: they look various and are always the same.
fn product(id: u32, category: &'static str, name: &'static str) -> Product {
    let maker = id % 7 + 1;
    Product {
        id,
        name,
        category,
        price: Price(495 + id * 7919 % 140 * 100),
        currency: "EUR",
        stock: id * 31 % 97 + 3,
        description: format!(
            "{name} for people who use their {category} things daily. Made to be repaired: spare parts are kept \
             for ten years. Item {id} of the {category} shelf."
        ),
        image: format!("/v1/images/{id}.svg"),
        supplier: Supplier {
            id: maker,
            name: format!("Workshop {maker}"),
            country: COUNTRIES[maker as usize % COUNTRIES.len()],
        },
        reviews: (0..id % 4).map(|nth| review(id + nth * 3)).collect(),
    }
}

fn review(seed: u32) -> Review {
    let at = seed as usize;
    Review { author: READERS[at % READERS.len()], stars: 3 + seed % 3, text: VERDICTS[at % VERDICTS.len()] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_reads_as_euros_to_the_cent() {
        let says = |cents| serde_json::to_string(&Price(cents)).unwrap();
        assert_eq!((says(2495), says(29), says(100)), ("24.95".into(), "0.29".into(), "1.0".into()));
        assert_eq!(Price(u32::MAX).times(3), Price(u32::MAX));
    }

    #[test]
    fn fifty_products_are_found_by_their_ids_and_nothing_else_is() {
        assert_eq!(PRODUCTS.len(), 50);
        for id in 1..=50_u32 {
            assert_eq!(product_numbered(id.into()).map(|p| p.id), Some(id));
            assert_eq!(product_named(&id.to_string()).map(|p| p.id), Some(id));
        }
        assert!(product_numbered(0).is_none() && product_numbered(51).is_none());
        assert!(product_numbered(u64::MAX).is_none());
        for no in ["", "0", "51", "07", "+7", "seven", "7/"] {
            assert!(product_named(no).is_none(), "{no}");
        }
    }
}
