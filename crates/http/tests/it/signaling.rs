use crate::common::{Person, client, code, now, post, problem, sdp, serve};
use pumasi_fetch::{Method, Request};
use pumasi_http::tokens::{RANDOM, TokenFile, Tokens};
use pumasi_http::{
    Callbacks, EndpointError, MAX_BODY, Offers, Refusal, SignalingConfig, SignalingEndpoint, SignalingLimits,
    signaling_router,
};
use pumasi_identity::{Did, SignedProfile};
use pumasi_signaling::{Candidates, Content, RejectReason, Signal, SignalError, SignedSignal};
use pumasi_tls::Running;
use serde_json::json;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use zeroize::Zeroizing;

/// A payee that answers every offer, and notes what reached it.
pub(crate) struct Shop {
    person: Person,
    heard: AtomicUsize,
    profiles: Mutex<Vec<Option<SignedProfile>>>,
    answers: Mutex<Vec<SignedSignal>>,
    candidates: Mutex<Vec<SignedSignal>>,
    mood: Mood,
}

#[derive(Clone, PartialEq)]
enum Mood {
    Open,
    Refusing(Refusal),
    Asleep,
    /// Answers another offer than the one that was made.
    Confused,
}

impl Offers for Shop {
    fn did(&self) -> Did {
        self.person.did()
    }

    async fn receive(
        &self,
        offer: SignedSignal,
        profile: Option<SignedProfile>,
        source: Option<IpAddr>,
    ) -> Result<SignedSignal, Refusal> {
        assert!(source.is_none_or(|source| source.is_loopback()));
        self.heard.fetch_add(1, SeqCst);
        self.profiles.lock().unwrap().push(profile);
        match &self.mood {
            Mood::Open => Ok(self.person.answer(&offer).await),
            Mood::Refusing(refusal) => Err(refusal.clone()),
            Mood::Asleep => {
                tokio::time::sleep(Duration::from_secs(30)).await;
                Err(Refusal::Failed)
            }
            Mood::Confused => {
                let other = Person::new().await.offer(self.did()).await;
                let answer = self.person.signal(offer.signal().from, Content::Answer { offer: other.id(), sdp: sdp() });
                Ok(self.person.sign(Signal { session: offer.signal().session, ..answer }).await)
            }
        }
    }

    async fn answered(&self, answer: SignedSignal) -> Result<(), Refusal> {
        self.answers.lock().unwrap().push(answer);
        Ok(())
    }

    async fn candidates(&self, candidates: SignedSignal) -> Result<(), Refusal> {
        self.candidates.lock().unwrap().push(candidates);
        Ok(())
    }
}

struct Open {
    shop: Arc<Shop>,
    url: String,
    _running: Running,
}

async fn shop_of(mood: Mood) -> Arc<Shop> {
    Arc::new(Shop {
        person: Person::new().await,
        heard: AtomicUsize::new(0),
        profiles: Mutex::default(),
        answers: Mutex::default(),
        candidates: Mutex::default(),
        mood,
    })
}

/// A payee that answers.
pub(crate) async fn shop() -> Arc<Shop> {
    shop_of(Mood::Open).await
}

impl Shop {
    pub(crate) fn person(&self) -> &Person {
        &self.person
    }
}

async fn open(mood: Mood, config: SignalingConfig) -> Open {
    let shop = shop_of(mood).await;
    let (running, url) = serve(signaling_router(Arc::clone(&shop), config)).await;
    Open { shop, url, _running: running }
}

impl Open {
    fn endpoint(&self) -> SignalingEndpoint {
        SignalingEndpoint::new(client(), &self.url).unwrap()
    }

    async fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> pumasi_fetch::Response {
        post(&format!("{}/{path}", self.url), body).await
    }

    fn heard(&self) -> usize {
        self.shop.heard.load(SeqCst)
    }
}

fn body(offer: &SignedSignal) -> String {
    json!({ "did": offer.signal().from, "offer": offer.as_str() }).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_is_answered_in_the_same_exchange_and_the_answer_is_checked() {
    let open = open(Mood::Open, SignalingConfig::default()).await;
    let payer = Person::new().await;
    let profile = payer.profile(1).await;
    let offer = payer.offer(open.shop.did()).await;

    let answer = open.endpoint().offer(&offer, Some(&profile), None, now()).await.unwrap();

    assert_eq!(answer.signal().from, open.shop.did());
    assert!(matches!(answer.signal().content, Content::Answer { offer: about, .. } if about == offer.id()));
    assert_eq!(*open.shop.profiles.lock().unwrap(), [Some(profile)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_not_signed_for_us_now_and_new_reaches_the_payee() {
    let open = open(Mood::Open, SignalingConfig::default()).await;
    let (payer, other) = (Person::new().await, Person::new().await);
    let me = open.shop.did();
    let offer = payer.offer(me).await;
    let say = |text: String| open.post("receive-offer", text);

    let mut forged = offer.as_str().to_owned();
    let last = if forged.ends_with('A') { "Q" } else { "A" };
    forged.replace_range(forged.len() - 1.., last);
    let forged = json!({ "did": payer.did(), "offer": forged }).to_string();
    assert_eq!(code(&say(forged).await), (403, "signature".into()));
    let posed = json!({ "did": other.did(), "offer": offer.as_str() }).to_string();
    assert_eq!(code(&say(posed).await), (403, "sender".into()));
    let elsewhere = payer.offer(other.did()).await;
    assert_eq!(code(&say(body(&elsewhere)).await), (403, "recipient".into()));
    let content = Content::Offer { sdp: sdp() };
    let old = Signal { issued: now() - 120_000, expires: now() - 60_000, ..payer.signal(me, content.clone()) };
    assert_eq!(code(&say(body(&payer.sign(old).await)).await), (403, "expired".into()));
    let long = Signal { expires: now() + 3_600_000, ..payer.signal(me, content) };
    assert_eq!(code(&say(body(&payer.sign(long).await)).await), (403, "expired".into()));
    let reject = Content::Reject { offer: offer.id(), reason: RejectReason::Busy };
    assert_eq!(code(&say(body(&payer.sign(payer.signal(me, reject)).await)).await), (400, "malformed".into()));
    let foreign = other.profile(1).await;
    let foreign: serde_json::Value = serde_json::from_str(foreign.json()).unwrap();
    let with = json!({ "did": payer.did(), "offer": payer.offer(me).await.as_str(), "profile": foreign }).to_string();
    assert_eq!(code(&say(with).await), (403, "profile".into()));
    assert_eq!(open.heard(), 0);

    assert_eq!(say(body(&offer)).await.status, 200);
    assert_eq!(code(&say(body(&offer)).await), (409, "replayed".into()));
    assert_eq!(open.heard(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_none_are_refused_by_name() {
    let limits = SignalingLimits { source: (1_000, 100.0), ..SignalingLimits::default() };
    let open = open(Mood::Open, SignalingConfig { limits, ..SignalingConfig::default() }).await;
    let did = Person::new().await.did().to_string();
    for (text, says) in [
        (String::new(), "body"),
        ("[]".into(), "body"),
        ("{".into(), "body"),
        ("{}".into(), "missing field `did`"),
        (json!({ "did": did }).to_string(), "missing field `offer`"),
        (json!({ "did": "did:web:a", "offer": "" }).to_string(), "did"),
        (json!({ "did": did, "offer": "a.b.c" }).to_string(), "signal: malformed"),
        (json!({ "did": did, "offer": "", "sdp": "v=0" }).to_string(), "unknown field `sdp`"),
        (format!("{{\"did\":\"{did}\",\"did\":\"{did}\",\"offer\":\"\"}}"), "body"),
        (json!({ "did": did, "offer": "", "callback": "h".repeat(300) }).to_string(), "callback: 300 bytes"),
        ("[".repeat(4_000), "body"),
    ] {
        let answer = open.post("receive-offer", text.clone()).await;
        assert_eq!(answer.status, 400, "{text}");
        assert!(problem(&answer).detail.contains(says), "{text}: {}", problem(&answer).detail);
    }
    let large = open.post("receive-offer", vec![b' '; MAX_BODY + 1]).await;
    assert_eq!(code(&large), (413, "too-large".into()));
    let mut untyped = Request::json(Method::Post, format!("{}/receive-offer", open.url), b"{}".to_vec());
    untyped.headers = vec![("content-type".into(), "text/plain".into())];
    assert_eq!(code(&client().send(untyped).await.unwrap()), (415, "media-type".into()));
    let get = client().send(Request::get(format!("{}/receive-offer", open.url))).await.unwrap();
    assert_eq!(code(&get), (405, "method".into()));
    assert_eq!(code(&open.post("nowhere", "{}").await), (404, "not-found".into()));
    assert_eq!(open.heard(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_token_the_answer_is_401_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::in_folder(folder.path());
    let (issued, token) = file.issue("page", None, now(), &Zeroizing::new([5; RANDOM])).unwrap();
    let tokens = Some(Tokens::new(file.clone()));
    let open = open(Mood::Open, SignalingConfig { tokens, ..SignalingConfig::default() }).await;
    let payer = Person::new().await;
    let me = open.shop.did();
    let endpoint = open.endpoint();

    let answer = open.post("receive-offer", "not even JSON").await;
    assert_eq!(code(&answer), (401, "token-missing".into()));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"pumasi\""));
    assert!(problem(&answer).detail.contains("Authorization: Bearer pumasi_"));
    let refused = endpoint.offer(&payer.offer(me).await, None, Some("pumasi_nonsense"), now()).await.unwrap_err();
    assert!(matches!(&refused, EndpointError::Token(problem) if problem.code() == "token-malformed"), "{refused}");
    assert_eq!(open.heard(), 0);
    assert!(endpoint.offer(&payer.offer(me).await, None, Some(&token), now()).await.is_ok());

    // A running endpoint hears of it within the second or so that it may take.
    file.revoke(&issued.id).unwrap();
    let revoked = async {
        while endpoint.offer(&payer.offer(me).await, None, Some(&token), now()).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(crate::common::MOMENT, revoked).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_one_source_or_one_did_is_held_and_told_when_to_come_again() {
    let limits = SignalingLimits { source: (5, 0.01), ..SignalingLimits::default() };
    let by_source = open(Mood::Open, SignalingConfig { limits, ..SignalingConfig::default() }).await;
    for _ in 0..5 {
        assert_eq!(by_source.post("receive-offer", "{}").await.status, 400);
    }
    let held = by_source.post("receive-offer", "{}").await;
    assert_eq!(code(&held), (429, "too-many-requests".into()));
    assert!(held.header("retry-after").unwrap().parse::<u32>().unwrap() > 1);

    let limits = SignalingLimits { did: (2, 0.01), ..SignalingLimits::default() };
    let by_did = open(Mood::Open, SignalingConfig { limits, ..SignalingConfig::default() }).await;
    let (payer, other, me) = (Person::new().await, Person::new().await, by_did.shop.did());
    let endpoint = by_did.endpoint();
    for _ in 0..2 {
        endpoint.offer(&payer.offer(me).await, None, None, now()).await.unwrap();
    }
    let held = endpoint.offer(&payer.offer(me).await, None, None, now()).await.unwrap_err();
    assert!(matches!(held, EndpointError::Busy { after: Some(1..), .. }) && held.may_pass(), "{held}");
    // Nobody uses up the share of another: that takes the other's signature.
    endpoint.offer(&other.offer(me).await, None, None, now()).await.unwrap();
    assert_eq!(by_did.heard(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_payee_says_instead_of_an_answer_is_told() {
    let payer = Person::new().await;
    for (mood, status, code) in [
        (Mood::Refusing(Refusal::ProfileNeeded), 403, "profile-needed"),
        (Mood::Refusing(Refusal::Stranger), 403, "stranger"),
        (Mood::Refusing(Refusal::Failed), 500, "failed"),
        (Mood::Asleep, 504, "timeout"),
    ] {
        let limits = SignalingLimits { answer: Duration::from_millis(100), ..SignalingLimits::default() };
        let open = open(mood, SignalingConfig { limits, ..SignalingConfig::default() }).await;
        let error = open.endpoint().offer(&payer.offer(open.shop.did()).await, None, None, now()).await.unwrap_err();
        let EndpointError::Refused(problem) = &error else { panic!("{error}") };
        assert_eq!((problem.status, problem.code()), (status, code));
    }
    let busy = open(Mood::Refusing(Refusal::Busy { retry_after: 7 }), SignalingConfig::default()).await;
    let error = busy.endpoint().offer(&payer.offer(busy.shop.did()).await, None, None, now()).await.unwrap_err();
    assert!(matches!(error, EndpointError::Busy { after: Some(7), .. }), "{error}");

    let confused = open(Mood::Confused, SignalingConfig::default()).await;
    let offer = payer.offer(confused.shop.did()).await;
    let error = confused.endpoint().offer(&offer, None, None, now()).await.unwrap_err();
    assert!(matches!(error, EndpointError::Lie(SignalError::OtherOffer { .. })), "{error}");
    // An endpoint that answers for somebody else.
    let other = open(Mood::Open, SignalingConfig::default()).await;
    let endpoint = SignalingEndpoint::new(client(), &other.url).unwrap();
    assert!(endpoint.offer(&payer.offer(payer.did()).await, None, None, now()).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_offers_are_answered_at_once_than_there_is_room_for() {
    let limits = SignalingLimits { offers: 2, answer: Duration::from_millis(500), ..SignalingLimits::default() };
    let open = open(Mood::Asleep, SignalingConfig { limits, ..SignalingConfig::default() }).await;
    let payer = Person::new().await;
    let endpoint = open.endpoint();
    let mut offers = Vec::new();
    for _ in 0..6 {
        offers.push(payer.offer(open.shop.did()).await);
    }
    let asked = offers.iter().map(|offer| endpoint.offer(offer, None, None, now()));
    let answers = futures::future::join_all(asked).await;
    let busy = answers.iter().filter(|answer| matches!(answer, Err(EndpointError::Busy { .. }))).count();
    assert_eq!((busy, open.heard()), (4, 2), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_posted_to_the_address_of_the_payer_where_that_is_allowed() {
    let callbacks = Callbacks::Any(client());
    let shop = open(Mood::Open, SignalingConfig { callbacks, ..SignalingConfig::default() }).await;
    let home = open(Mood::Open, SignalingConfig::default()).await;
    let offer = home.shop.person.offer(shop.shop.did()).await;
    let body = json!({ "did": home.shop.did(), "offer": offer.as_str(), "callback": home.url }).to_string();
    assert_eq!(shop.post("receive-offer", body.clone()).await.status, 202);
    let came = async {
        while home.shop.answers.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(crate::common::MOMENT, came).await.unwrap();
    let answers = home.shop.answers.lock().unwrap().clone();
    assert!(matches!(answers[0].signal().content, Content::Answer { offer: about, .. } if about == offer.id()));

    // Elsewhere the answer is in the response all the same.
    let quiet = open(Mood::Open, SignalingConfig::default()).await;
    let offer = home.shop.person.offer(quiet.shop.did()).await;
    let body = json!({ "did": home.shop.did(), "offer": offer.as_str(), "callback": home.url }).to_string();
    let answer = quiet.post("receive-offer", body).await;
    assert_eq!(answer.status, 200);
    assert_eq!(home.shop.answers.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidates_that_come_later_are_taken_signed_and_once() {
    let open = open(Mood::Open, SignalingConfig::default()).await;
    let payer = Person::new().await;
    let offer = payer.offer(open.shop.did()).await;
    let candidate = "candidate:1 1 udp 2113937151 192.0.2.7 50000 typ host".to_owned();
    let content =
        Content::Candidates { offer: offer.id(), candidates: Candidates::new(vec![candidate]).unwrap(), end: true };
    let signed = payer.sign(payer.signal(open.shop.did(), content)).await;

    open.endpoint().candidates(&signed, None).await.unwrap();

    assert_eq!(open.shop.candidates.lock().unwrap().as_slice(), std::slice::from_ref(&signed));
    let again = open.endpoint().candidates(&signed, None).await.unwrap_err();
    assert!(matches!(&again, EndpointError::Refused(problem) if problem.code() == "replayed"), "{again}");
    let body = json!({ "did": payer.did(), "candidates": offer.as_str() }).to_string();
    assert_eq!(code(&open.post("candidates", body).await), (400, "malformed".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_any_origin_may_ask_and_read_the_answer() {
    let open = open(Mood::Open, SignalingConfig::default()).await;
    let text = concat!(
        "OPTIONS /receive-offer HTTP/1.1\r\nhost: a\r\norigin: https://page.example\r\n",
        "access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n",
        "access-control-request-private-network: true\r\nconnection: close\r\n\r\n",
    );
    let answer = raw(&open.url, text.as_bytes()).await.to_lowercase();
    assert!(answer.starts_with("http/1.1 204"), "{answer}");
    for line in [
        "access-control-allow-origin: *",
        "access-control-allow-private-network: true",
        "access-control-allow-headers: authorization, content-type",
    ] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
    let answer = open.post("receive-offer", "{}").await;
    for (name, value) in
        [("access-control-allow-origin", "*"), ("cache-control", "no-store"), ("x-content-type-options", "nosniff")]
    {
        assert_eq!(answer.header(name), Some(value));
    }
    assert!(answer.header("access-control-allow-credentials").is_none());
}

async fn raw(url: &str, bytes: &[u8]) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut text = String::new();
    tokio::time::timeout(crate::common::MOMENT, stream.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

#[test]
fn an_address_that_is_none_is_refused_before_anything_is_sent() {
    for url in ["", "shop.example", "ftp://shop.example", "https://", "https://a b", "https://a?x", "https://u@a"] {
        assert!(matches!(SignalingEndpoint::new(client(), url), Err(EndpointError::Address(_))), "{url}");
    }
    let endpoint = SignalingEndpoint::new(client(), "https://shop.example:8443/pay//").unwrap();
    assert_eq!(endpoint.url(), "https://shop.example:8443/pay");
}
